"""WebSocket connections: each with a bounded buffer that any thread may fill."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import NamedTuple

MAX_MESSAGE = 128 * 1024
MAX_FRAME = 32 * 1024
IDLE_SECONDS = 600.0
MAXIMUM_SECONDS = 7200.0
# What may wait for a slow client.
BUFFERED_BYTES = 1024 * 1024
BUFFERED_MESSAGES = 1000


class GoneError(Exception):
    """The connection is closed, or was never there."""


class FullError(Exception):
    """The client reads too slowly: its buffer is full."""


class Close(NamedTuple):
    """Why a connection is to be closed, as the closing frame says it."""

    code: int
    reason: str


class Connection:
    """One client. The thread-safe half: what is to be sent, and when it was last active.

    Args:
        connection_id: Its id.
        api_id: Its API.
        stage: Its stage.
        now: Seconds since the epoch.
        source_ip: The client's address.
        user_agent: What the client calls itself.
        loop: The event loop that serves it.
    """

    def __init__(
        self,
        *,
        connection_id: str,
        api_id: str,
        stage: str,
        now: float,
        source_ip: str,
        user_agent: str,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.connection_id = connection_id
        self.api_id = api_id
        self.stage = stage
        self.connected_at = now
        self.active_at = now
        self.source_ip = source_ip
        self.user_agent = user_agent
        self._loop = loop
        self._lock = threading.Lock()
        self._outbox: deque[bytes] = deque()
        self._size = 0
        self._close: Close | None = None
        self._closed = False
        self._filled = asyncio.Event()

    def post(self, data: bytes, now: float) -> None:
        """Put a message into the buffer; from any thread.

        Raises:
            GoneError: The connection is closed.
            FullError: There is no room.
        """
        with self._lock:
            if self.gone:
                raise GoneError(self.connection_id)
            full = self._size + len(data) > BUFFERED_BYTES
            if full or len(self._outbox) >= BUFFERED_MESSAGES:
                raise FullError(self.connection_id)
            self._outbox.append(data)
            self._size += len(data)
            self.active_at = now
        self._wake()

    def close(self, close: Close) -> None:
        """Ask for the connection to be closed after what is buffered; from any thread."""
        with self._lock:
            if self._close is None:
                self._close = close
        self._wake()

    def end(self) -> None:
        """Refuse everything from now on."""
        with self._lock:
            self._closed = True
            self._outbox.clear()
            self._size = 0
        self._wake()

    async def next(self) -> bytes | Close | None:
        """The next message, or the wish to close when no message is left; None after the end."""
        while True:
            self._filled.clear()
            with self._lock:
                if self._closed:
                    return None
                if self._outbox:
                    data = self._outbox.popleft()
                    self._size -= len(data)
                    return data
                if self._close is not None:
                    return self._close
            await self._filled.wait()

    @property
    def closing(self) -> Close | None:
        """Why it is to be closed, if it is."""
        return self._close

    @property
    def gone(self) -> bool:
        """Whether nothing can be posted any more."""
        return self._closed or self._close is not None

    def overdue(self, now: float) -> Close | None:
        """Why its time is over, if it is."""
        if now - self.connected_at >= MAXIMUM_SECONDS:
            return Close(1001, "Connection duration exceeded")
        if now - self.active_at >= IDLE_SECONDS:
            return Close(1001, "Going away")
        return None

    def _wake(self) -> None:
        # The loop may be closed when a worker's call comes late.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)


class Connections:
    """The open connections by id. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Connection] = {}

    def add(self, connection: Connection) -> None:
        """Know a connection."""
        with self._lock:
            self._open[connection.connection_id] = connection

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.pop(connection.connection_id, None)

    def all(self) -> list[Connection]:
        """All that are open."""
        with self._lock:
            return list(self._open.values())

    def get(self, connection_id: str, stage: str | None) -> Connection:
        """An open connection.

        Raises:
            GoneError: It is not open, or on another stage.
        """
        with self._lock:
            connection = self._open.get(connection_id)
        if connection is None or connection.gone or stage not in (None, connection.stage):
            raise GoneError(connection_id)
        return connection
