"""HTTP requests to apps in this process, from synchronous code and any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from starlette.applications import Starlette


class AsgiTransport(httpx.BaseTransport):
    """Answers requests by ASGI apps: no socket, no server, no thread of its own.

    Args:
        apps: What makes each app, by the prefix of the paths that it serves; an app is made on
            the first request to it.
    """

    def __init__(self, apps: Mapping[str, Callable[[], Starlette]]) -> None:
        self._apps = dict(apps)
        self._made: dict[str, httpx.ASGITransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; it runs in a loop of its own."""
        transport = self._transport(request.url.path)
        if transport is None:
            return httpx.Response(404, request=request)
        # With the body read, it serves the other kind of transport as well.
        request.read()
        return asyncio.run(_answer(transport, request))

    def _transport(self, path: str) -> httpx.ASGITransport | None:
        for prefix, make in self._apps.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                if prefix not in self._made:
                    app: Any = make()
                    self._made[prefix] = httpx.ASGITransport(app)
                return self._made[prefix]
        return None


async def _answer(transport: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
    answer = await transport.handle_async_request(request)
    content = await answer.aread()
    return httpx.Response(
        answer.status_code, headers=answer.headers, content=content, request=request
    )
