"""Runs an ASGI application under uvicorn in a thread of its own."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import uvicorn

from redress_local.emulated.gateway.asgi import App
from redress_local.front.websocket_front import SERVER_OPTIONS

_log = logging.getLogger(__name__)

START_SECONDS = 15.0
STOP_SECONDS = 2.0


class ServeError(Exception):
    """The server cannot listen, or did not start.

    Attributes:
        hint: What to do next.
    """

    def __init__(self, message: str, hint: str = "try again") -> None:
        self.hint = hint
        super().__init__(message)


class Listener:
    """A bound port that does not serve yet: its number is known before there is an application.

    Args:
        port: The port; 0 for any that is free.
        hosts: The addresses to listen on.

    Raises:
        ServeError: A port is taken, or an address is not this machine's.
    """

    def __init__(self, port: int = 0, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
        self.sockets: list[socket.socket] = []
        self.port = port
        for host in hosts:
            listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sockets.append(listener)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((host, self.port))
                listener.listen(2048)
            except (OSError, OverflowError) as error:
                self.close()
                raise _refusal(self.port, host, error) from None
            self.port = listener.getsockname()[1]

    def close(self) -> None:
        """Let the port go."""
        for listener in self.sockets:
            listener.close()


def _refusal(port: int, host: str, error: OSError | OverflowError) -> ServeError:
    if isinstance(error, OverflowError):
        return ServeError(f"there is no port {port}", "choose one from 1 to 65535, or 0 for any")
    if error.errno == errno.EADDRINUSE:
        return ServeError(
            f"port {port} is taken", "stop what listens there, or choose another with --port"
        )
    reason = error.strerror or error
    return ServeError(f"cannot listen on {host} port {port}: {reason}", "choose another --port")


class Server:
    """An application that is being served; made by `serve`."""

    def __init__(self, app: App, listener: Listener) -> None:
        self._listener = listener
        self._ready = threading.Event()
        config = uvicorn.Config(
            app,
            http="httptools",
            loop="uvloop",
            lifespan="on",
            access_log=False,
            log_level="warning",
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
            **SERVER_OPTIONS,
        )
        self._server = _Uvicorn(config, self._ready)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._listener.port

    @property
    def url(self) -> str:
        """Where it is served, as a URL without path."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Serve, and return once requests are answered.

        Raises:
            ServeError: The application did not start.
        """
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or not self._server.started:
            self.stop()
            reason = self._failure or "its application failed to start; the log says why"
            raise ServeError(f"the server on port {self.port} did not start: {reason}")
        return self

    def stop(self) -> None:
        """Stop within about a second; connections that are open are closed."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(STOP_SECONDS)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._server.run(sockets=self._listener.sockets)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the thread's end; start() tells it
            self._failure = error
            _log.exception("the server on port %d ended", self.port)
        finally:
            self._ready.set()


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.set()


def serve(
    app: App,
    port: int = 0,
    *,
    hosts: Sequence[str] = ("127.0.0.1",),
    listener: Listener | None = None,
) -> Server:
    """Serve an application in a thread, and return once it answers.

    Args:
        app: The ASGI application; its lifespan is run.
        port: The port; 0 for any that is free.
        hosts: The addresses to listen on; loopback only, unless containers must come.
        listener: A port bound before, instead of `port` and `hosts`.

    Raises:
        ServeError: The port is taken, or the application did not start.
    """
    return Server(app, listener or Listener(port, hosts)).start()
