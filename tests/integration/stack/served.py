"""`redress up` as a process of its own, and what it leaves behind."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 60
STOP_SECONDS = 30
COMMAND = [sys.executable, "-m", "redress_local.cli.main", "up", "--emulated"]

# One function and one queue: what a small project has.
SMALL = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Waiting: {Type: AWS::SQS::Queue}
  GreetFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: greet
      Environment: {Variables: {GREETING: !Ref Greeting}}
Outputs:
  QueueUrl: {Value: !Ref Waiting}
"""
CODE = "import os\ndef handler(event, context):\n    return os.environ['GREETING']\n"


class Served:
    """The command in a session of its own, with a folder of its own for temporary files.

    Args:
        folder: An empty folder; every process of the cloud has its path in its environment or
            on its command line, by which all of them are found.
        words: More words of the command.
        project: Its template, by REDRESS_PROJECT.
        terminal: Give it a terminal of 80 columns.
        stdout: Where it writes, instead of a pipe.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        project: Path | None = None,
        terminal: bool = False,
        **options: Any,
    ) -> None:
        self.temporary = folder / "temporary-files"
        self.temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(self.temporary), "TERM": "xterm"}
        for name in ("COLUMNS", "LINES", "REDRESS_PROJECT", "AWS_ENDPOINT_URL", "NO_COLOR"):
            environment.pop(name, None)
        if project is not None:
            environment["REDRESS_PROJECT"] = str(project)
        self.screen: int | None = None
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if terminal:
            self.screen, inside = pty.openpty()
            streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
            environment["COLUMNS"] = "80"
            options["preexec_fn"] = _take_terminal
        self.process = subprocess.Popen(
            [*COMMAND, "--port", "0", *words],
            env=environment,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **streams, **options},
        )
        if self.screen is not None:
            os.close(inside)
        self.shown = b""

    def ready(self) -> dict[str, Any]:
        """The JSON object that it prints."""
        assert self.process.stdout is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                part = os.read(self.process.stdout.fileno(), 65536)
                assert part, f"it ended: {self.errors()}"
                self.shown += part
                if self.shown.endswith(b"}\n"):
                    found: dict[str, Any] = json.loads(self.shown)
                    return found
        raise AssertionError(f"not ready: {self.shown!r}")

    def see(self, text: str, seconds: float = START_SECONDS) -> str:
        """What the terminal shows, once `text` is in it."""
        assert self.screen is not None
        end = time.monotonic() + seconds
        while text.encode() not in self.shown and time.monotonic() < end:
            if select.select([self.screen], [], [], 0.5)[0]:
                try:
                    self.shown += os.read(self.screen, 65536)
                except OSError:
                    break
        assert text.encode() in self.shown, self.shown[-2000:].decode(errors="replace")
        return self.shown.decode()

    def press(self, keys: bytes) -> None:
        assert self.screen is not None
        os.write(self.screen, keys)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def end(self, number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def left(self) -> list[str]:
        """The processes that are still there, by any trace of them."""
        return running(str(self.temporary), self.process.pid)

    def files(self) -> list[str]:
        """The temporary files that are still there."""
        return sorted(path.name for path in self.temporary.iterdir())

    def close(self) -> None:
        """End what a failed test left."""
        for found in _processes(str(self.temporary), self.process.pid):
            found.kill()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.screen is not None:
            os.close(self.screen)


def _take_terminal() -> None:
    """Make standard input the terminal that sends Ctrl-C."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def running(mark: str, pid: int = -1) -> list[str]:
    """The processes that have a text in their environment or command, or come from a process."""
    return [f"{found.pid} {found.name()}" for found in _processes(mark, pid)]


def _processes(mark: str, pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            ours = (
                process.pid == pid
                or os.getsid(process.pid) == pid
                or process.ppid() == pid
                or any(mark in word for word in process.cmdline())
                or any(mark in value for value in process.environ().values())
            )
        except (psutil.Error, OSError):
            continue
        if ours:
            found.append(process)
    return found
