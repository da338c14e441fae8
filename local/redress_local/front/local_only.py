"""Keeps endpoints that hand out tokens for this machine's own programs, away from web pages."""

from __future__ import annotations

import ipaddress
from typing import Any

from starlette.requests import ClientDisconnect, Request

_BROWSER = {b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"referer"}


def is_local_request(scope: Any) -> bool:
    """Whether a program of this machine asks, and no browser on behalf of a page.

    The client's address and the Host must be loopback (a page's own name that points at
    127.0.0.1 is refused by the Host), and there is none of the headers that browsers add.
    """
    hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
    if len(hosts) != 1 or any(name.lower() in _BROWSER for name, _ in scope["headers"]):
        return False
    client = scope.get("client")
    return bool(client) and is_loopback(client[0]) and is_loopback(_host(hosts[0]))


def is_loopback(host: str) -> bool:
    """Whether a name or address without port is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(value: bytes) -> str:
    text = value.decode("latin-1").strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


async def read_limited(request: Request, limit: int) -> bytes | None:
    """The body, or None when it is longer or the client went away."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return None
    return b"".join(chunks)
