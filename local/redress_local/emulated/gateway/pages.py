"""The gateway's own pages: `/_redress/health` and `/_redress/calls`."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from redress_local.emulated.gateway.asgi import Receive, Scope, Send, send_answer
from redress_local.emulated.gateway.calls import CallLog
from redress_local.emulated.gateway.errors import plain_error

_PACKAGES = ("redress", "moto", "botocore", "awslambdaric")


class _Shown(Protocol):
    calls: CallLog

    def services(self) -> dict[str, str]: ...


class OwnPages:
    """An ASGI application.

    - GET /_redress/health: {"ready", "services": {name: "redress"|"moto"}, "versions"}; HTTP 503
      while not ready.
    - GET /_redress/calls[?principal=NAME]: {"calls": [...], "overflow": N}; DELETE forgets them.
    """

    def __init__(self, shown: _Shown, ready: Callable[[], bool]) -> None:
        self._shown = shown
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one page."""
        del receive
        status, page = self._page(scope["method"], scope["path"], scope["query_string"])
        if status >= 400 and page is None:
            await send_answer(send, *plain_error(status, "no such page"))
            return
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        await send_answer(send, status, headers, msgspec.json.encode(page))

    def _page(self, method: str, path: str, query: bytes) -> tuple[int, dict[str, Any] | None]:
        reads = method in ("GET", "HEAD")
        if path == "/_redress/health" and reads:
            ready = self._ready()
            services = self._shown.services()
            page = {"ready": ready, "services": services, "versions": _versions()}
            return (200 if ready else 503), page
        if path == "/_redress/calls" and (reads or method == "DELETE"):
            calls = self._shown.calls
            if method == "DELETE":
                calls.clear()
            principal = parse_qs(query.decode("latin-1")).get("principal", [None])[0]
            return 200, {"calls": calls.entries(principal), "overflow": calls.overflow}
        return 404, None


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
