"""An open WebSocket connection: reads, handles one message after the other, writes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Send

from redress_local.front.connections import MAX_MESSAGE, Close, Connection, FullError, GoneError

# Messages of one client that wait for its earlier ones; then the client is not read any more.
_WAITING = 16
# A client that takes nothing for so long is given up.
_STALLED_SECONDS = 60.0
# How long a client may take to answer our closing frame.
_CLOSING_SECONDS = 1.0

Handle = Callable[[str | bytes], Awaitable[bytes | None]]


class Session:
    """Serves one connection. A slow client holds up nobody but itself.

    Args:
        connection: The connection, known to those who may post to it.
        handle: Takes a message and returns what goes back, if anything.
        clock: Seconds since the epoch.
    """

    def __init__(self, connection: Connection, handle: Handle, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._handle = handle
        self._clock = clock
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(_WAITING)

    async def run(self, receive: Receive, send: Send) -> Close:
        """Serve it until it is closed and every message is handled; returns how it ended."""
        worker = asyncio.create_task(self._work())
        reader = asyncio.create_task(self._read(receive))
        writer = asyncio.create_task(self._write(send))
        try:
            await asyncio.wait({reader, writer, worker}, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                # Ours to close: the client's last messages are still taken.
                await asyncio.wait({reader}, timeout=_CLOSING_SECONDS)
            closed = reader.result() if reader.done() else Close(1006, "")
            self._connection.end()
            reader.cancel()
            # The worker may have failed: then nobody makes room for the last item.
            last = asyncio.create_task(self._inbox.put(None))
            await asyncio.wait({last, worker}, return_when=asyncio.FIRST_COMPLETED)
            last.cancel()
            await worker
        finally:
            for task in (reader, writer, worker):
                task.cancel()
        return self._connection.closing or closed

    async def _read(self, receive: Receive) -> Close:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return Close(event.get("code") or 1005, event.get("reason") or "")
            text = event.get("text")
            data: str | bytes = text if text is not None else event["bytes"]
            self._connection.active_at = self._clock()
            size = len(data.encode()) if isinstance(data, str) else len(data)
            if size > MAX_MESSAGE:
                self._connection.close(Close(1009, "Message too long"))
            elif self._connection.closing is None:
                await self._inbox.put(data)

    async def _work(self) -> None:
        while (data := await self._inbox.get()) is not None:
            reply = await self._handle(data)
            if reply is not None:
                with contextlib.suppress(GoneError, FullError):
                    self._connection.post(reply, self._clock())

    async def _write(self, send: Send) -> None:
        """Send what is buffered, until the connection ends or the client stops reading."""
        with contextlib.suppress(OSError, TimeoutError):
            while (item := await self._connection.next()) is not None:
                async with asyncio.timeout(_STALLED_SECONDS):
                    if isinstance(item, Close):
                        closing = {"code": item.code, "reason": item.reason}
                        await send({"type": "websocket.close", **closing})
                        return
                    try:
                        await send({"type": "websocket.send", "text": item.decode("utf-8")})
                    except UnicodeDecodeError:
                        await send({"type": "websocket.send", "bytes": item})
