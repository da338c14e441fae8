"""The host's side of the zygote: starts it, orders workers from it, ends everything."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

ZYGOTE: Final = Path(__file__).with_name("zygote.py")
STOP_SECONDS: Final = 5.0


class WorkerPoolError(Exception):
    """The pool cannot run a function, for a reason that is not the function's."""


class PoolClosedError(WorkerPoolError):
    """The pool was closed before the invocation ended."""


class Supervisor:
    """Orders workers from a zygote process, which it starts, and starts again when it has died.

    Thread-safe. The zygote and all its workers die when this object is closed or this process
    dies, however it dies: the zygote sees its socket close.

    Args:
        folder: Where the zygote's own output goes (`zygote.log`).
        runtime_folder: The folder of what the Lambda runtime itself holds.
    """

    def __init__(self, folder: Path, runtime_folder: Path) -> None:
        self._folder = folder
        self._runtime_folder = runtime_folder
        self._lock = threading.Lock()
        self._closed = False
        self._process, self._control = self._launch()

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    def start(self, order: dict[str, Any], log: int, life: int) -> None:
        """Order a worker.

        Args:
            order: `id`, `environment`, `path` (front of sys.path), `folder` (its working folder)
                and `exec` (whether to start a fresh interpreter).
            log: The descriptor that becomes its stdout and stderr; stays the caller's to close.
            life: Where its process id, and when it has ended its exit code, are written as lines;
                stays the caller's to close.

        Raises:
            PoolClosedError: Closed.
            WorkerPoolError: The zygote does not run.
        """
        message = _message({"do": "start", **order})
        with self._lock:
            if self._closed:
                raise PoolClosedError("the worker pool is closed")
            try:
                _send(self._control, message, [log, life])
            except OSError:
                self._end()
                self._process, self._control = self._launch()
                try:
                    _send(self._control, message, [log, life])
                except OSError as error:
                    raise WorkerPoolError(
                        f"Lambda workers cannot be started: {self._last_words()}"
                    ) from error

    def kill(self, worker_id: str) -> None:
        """Kill a worker and its children; one that is gone already is no error."""
        with self._lock, contextlib.suppress(OSError):
            if not self._closed:
                _send(self._control, _message({"do": "kill", "id": worker_id}), [])

    def close(self) -> None:
        """End the zygote and with it every worker; return when they are gone."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._end()

    def _launch(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        # The interpreter below the virtual environment, whose packages workers must not see.
        python = getattr(sys, "_base_executable", None) or sys.executable
        with theirs, (self._folder / "zygote.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own script, by its path
                [python, "-S", str(ZYGOTE), str(theirs.fileno()), str(self._runtime_folder)],
                pass_fds=[theirs.fileno()],
                env={"LANG": "en_US.UTF-8", "TZ": ":UTC", "LD_LIBRARY_PATH": library_path()},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return process, ours

    def _end(self) -> None:
        self._control.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        text = (self._folder / "zygote.log").read_text(errors="replace").strip()
        return text.splitlines()[-1] if text else f"exit code {self._process.returncode}"


def library_path() -> str:
    """The folder of libpython: an interpreter that is built shared needs it."""
    return str(Path(sys.base_prefix) / "lib")


def _message(order: dict[str, Any]) -> bytes:
    body = json.dumps(order).encode()
    return len(body).to_bytes(8, "big") + body


def _send(control: socket.socket, message: bytes, fds: list[int]) -> None:
    sent = socket.send_fds(control, [message], fds) if fds else control.send(message)
    if sent < len(message):
        control.sendall(message[sent:])
