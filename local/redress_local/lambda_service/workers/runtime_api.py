"""The Runtime API of one worker: HTTP over its own loopback port, served by whoever waits on it.

A worker is told from others by its port: awslambdaric's C++ client would take a path prefix, but
the Python client with which it reports init errors takes `host:port` alone. No thread belongs to
it: the thread that invokes a function reads the worker's requests, so an invocation costs no
hand-over. Between invocations the worker's request for the next event waits in the socket.
"""

import os
import select
import socket
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

import httptools

MAX_RESPONSE: Final = 6 * 1024 * 1024 + 100
"""The largest answer, in bytes: AWS's 6 MB and what its own envelope may take."""
SEND_SECONDS: Final = 10.0
PREFIX: Final = "/2018-06-01/runtime/"
_REASONS = {200: b"OK", 202: b"Accepted", 400: b"Bad Request", 404: b"Not Found"}


class Wait(Enum):
    """Why `RuntimeApi.wait` came back without a request."""

    TICK = 1
    EXITED = 2


class Request(NamedTuple):
    """One request of a worker.

    Attributes:
        path: Below `/2018-06-01/runtime/`, such as `invocation/next`.
        headers: Names in lower case.
        body: At most `MAX_RESPONSE` bytes; empty when it was larger.
        too_large: Whether the body was larger.
        connection: Where the answer goes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    too_large: bool
    connection: "Connection"


class Connection:
    """One connection of a worker; parses requests as bytes come."""

    def __init__(self, link: socket.socket) -> None:
        link.settimeout(SEND_SECONDS)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link = link
        self.fd = link.fileno()
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._too_large = False
        self._done = False

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Ask for the body where the client waits to be asked."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self.link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; a larger one than may be is read and dropped."""
        if self._too_large or len(self._body) + len(body) > MAX_RESPONSE:
            self._too_large = True
            self._body.clear()
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._done = True

    def read(self) -> "Request | None":
        """Read what is there and return a request when it is whole.

        Raises:
            ConnectionError: Closed, or not HTTP.
        """
        try:
            data = self.link.recv(1 << 18)
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not data:
            raise ConnectionError("closed")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ConnectionError(str(error)) from error
        if not self._done:
            return None
        self._done = False
        body = b"" if self._too_large else bytes(self._body)
        path = self._url.decode("latin-1").removeprefix(PREFIX)
        method = self._parser.get_method().decode()
        return Request(method, path, self._headers, body, self._too_large, self)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] = {}) -> None:
        """Send a response.

        Raises:
            OSError: The worker does not take it.
        """
        lines = [b"HTTP/1.1 %d %s" % (status, _REASONS.get(status, b"Status"))]
        lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        lines.append(b"Content-Length: %d\r\n\r\n" % len(body))
        self.link.sendall(b"\r\n".join(lines) + body)


class RuntimeApi:
    """The listening port of one worker and the connections to it.

    Args:
        life_fd: The read end of the worker's life pipe; watched, and read by `exit_code`.
    """

    def __init__(self, life_fd: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._listener.setblocking(False)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: dict[int, Connection] = {}
        self._life_fd = life_fd
        self._life = b""
        self._ended = False
        os.set_blocking(life_fd, False)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(life_fd, select.POLLIN)

    @property
    def pid(self) -> int | None:
        """The worker's process id, when it is known."""
        first, newline, _ = self._life.partition(b"\n")
        return int(first) if newline else None

    @property
    def exit_code(self) -> int | None:
        """How the worker ended: its exit status, or minus the signal; None when none was told."""
        lines = self._life.split(b"\n")
        return int(lines[1]) if len(lines) > 2 else None

    def wait(self, seconds: float) -> Request | Wait:
        """Wait for the worker's next request, its end, or `seconds`, whichever is first.

        A request that was sent before the worker ended is returned before its end.
        """
        timeout = max(0, int(seconds * 1000 + 0.999))
        while True:
            fds = [fd for fd, _ in self._poll.poll(0 if self._ended else timeout)]
            if self._life_fd in fds:
                self._read_life()
            progress = False
            for fd in fds:
                if fd == self._listener.fileno():
                    progress |= self._accept()
                elif fd in self._connections:
                    progress = True
                    request = self._read(fd)
                    if request is not None:
                        return request
            if not self._ended:
                return Wait.TICK
            if not progress:
                return Wait.EXITED

    def close(self) -> None:
        """Close every socket; the life pipe too."""
        for connection in self._connections.values():
            connection.link.close()
        self._connections.clear()
        self._listener.close()
        os.close(self._life_fd)

    def _accept(self) -> bool:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return False
        connection = Connection(link)
        self._connections[connection.fd] = connection
        self._poll.register(connection.fd, select.POLLIN)
        return True

    def _read(self, fd: int) -> Request | None:
        connection = self._connections[fd]
        try:
            return connection.read()
        except ConnectionError:
            self._poll.unregister(fd)
            del self._connections[fd]
            connection.link.close()
            return None

    def _read_life(self) -> None:
        try:
            data = os.read(self._life_fd, 256)
        except BlockingIOError:
            return
        self._life += data
        if not data:
            self._ended = True
            self._poll.unregister(self._life_fd)
