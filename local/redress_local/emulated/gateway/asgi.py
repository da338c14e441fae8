"""ASGI's types, and what every application here does: read a body, send an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLargeError(Exception):
    """A body is longer than the gateway takes."""


class ClientGoneError(Exception):
    """The client left before its request was whole."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return a request's whole body.

    Raises:
        BodyTooLargeError: It is longer than `limit` bytes; no more than that was read.
        ClientGoneError: The client left.
    """
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise BodyTooLargeError
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise BodyTooLargeError
        parts.append(part)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first header of a lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


async def send_answer(
    send: Send,
    status: int,
    headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    """Send a whole answer."""
    pairs: Iterable[tuple[bytes, bytes]]
    if isinstance(headers, Mapping):
        pairs = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
    else:
        pairs = headers
    named = list(pairs)
    if not any(name == b"content-length" for name, _ in named) and status not in (204, 304):
        named.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
