"""Tier 1: Monty, a Python interpreter in Rust, each program in a worker process of its own."""

import atexit
import contextlib
import datetime
import functools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redress.sandbox.errors import (
    EngineCrashedError,
    MemoryLimitError,
    OutputTooLargeError,
    ProgramError,
    ProgramSyntaxError,
    SandboxError,
    SandboxUnavailableError,
    TimeLimitError,
)
from redress.sandbox.models import EngineRun, Limits, one_line

if TYPE_CHECKING:
    import pydantic_monty

CLOCK = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""What every clock of the guest shows, in both tiers."""

RANDOM_SEED = 0
"""The guest's `random` starts as after `random.seed(0)`, in both tiers."""

CHECKOUT_SECONDS = 30.0
CHECKOUTS = 3
GRACE_SECONDS = 0.25
WORKER_OVERHEAD_BYTES = 256 * 1024 * 1024

# What the worker is fed. The program runs inside `exec`, so that the worker sends the host only
# this: nothing, or type and cut message of what was raised. Fed as it is, a program could end in
# a value or an error message as large as its memory, and the host would hold copies of it.
_HARNESS = """
def run():
    try:
        exec(CODE, {"__name__": "__main__", "INPUT": INPUT})
    except BaseException as error:
        return [type(error).__name__, str(error)[:400]]

run()
"""

_WORKERS = ("monty", "monty.exe")
_GAPS = frozenset({"ImportError", "ModuleNotFoundError", "NotImplementedError"})


class _Pool:
    """The workers of one process, started at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._pool: pydantic_monty.Monty | None = None

    def get(self) -> "pydantic_monty.Monty":
        with self._lock:
            if self._owner not in (None, os.getpid()):
                # Its threads did not come along: a call would wait for ever.
                raise SandboxUnavailableError(
                    "this process was forked from one that used Monty: start it by spawn"
                )
            if self._pool is None:
                self._pool = _start_pool()
                self._owner = os.getpid()
            return self._pool

    def close(self) -> None:
        with self._lock:
            if self._pool is not None and self._owner == os.getpid():
                self._pool.__exit__(None, None, None)
                self._pool = None

    def after_fork(self) -> None:
        # Another thread of the parent may have held the lock.
        self._lock = threading.Lock()


_POOL = _Pool()
atexit.register(_POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOL.after_fork)


def _start_pool() -> "pydantic_monty.Monty":
    try:
        import pydantic_monty
    except ImportError as error:
        raise SandboxUnavailableError(
            "Monty is not installed: install pydantic-monty==1.4.0"
        ) from error
    pool = pydantic_monty.Monty(
        binary_path=_binary_path(),
        min_processes=1,
        max_processes=max(2, os.cpu_count() or 1),
        checkout_timeout=CHECKOUT_SECONDS,
        # One program per process: nothing of a case can wait in a worker for the next case.
        max_checkouts_per_worker=1,
        feed_duration_limit_grace=GRACE_SECONDS,
    )
    try:
        return pool.__enter__()
    except OSError as error:
        raise SandboxUnavailableError(f"the Monty worker does not start: {error}") from error


@functools.cache
def _binary_path() -> Path:
    """Return the worker binary as installed: never from an environment variable or the PATH."""
    try:
        installed = metadata.distribution("pydantic-monty-runtime")
    except metadata.PackageNotFoundError as error:
        raise SandboxUnavailableError(
            "the Monty worker is not installed: install pydantic-monty==1.4.0"
        ) from error
    found: list[object] = [f.locate() for f in installed.files or [] if f.name in _WORKERS]
    # A layer is installed with `pip install --target`, which puts executables beside the packages
    # and leaves the list of files as if they lay elsewhere.
    found += [installed.locate_file(f"bin/{name}") for name in _WORKERS]
    for path in found:
        if Path(str(path)).is_file():
            return Path(str(path)).resolve()
    raise SandboxUnavailableError("the Monty worker is missing: reinstall pydantic-monty-runtime")


@functools.cache
def version() -> str:
    """Return the engine's name and version.

    Raises:
        SandboxUnavailableError: Monty is not installed.
    """
    try:
        return f"pydantic-monty {metadata.version('pydantic-monty')}"
    except metadata.PackageNotFoundError as error:
        raise SandboxUnavailableError(
            "Monty is not installed: install pydantic-monty==1.4.0"
        ) from error


def close() -> None:
    """Stop the idle worker; the next run starts a new one."""
    _POOL.close()


def warm_up() -> None:
    """Import Monty and start a worker, so that the first run need not.

    Raises:
        SandboxUnavailableError: Monty does not work here.
    """
    _POOL.get()


def run(code: str, input_value: Any, limits: Limits, wall_seconds: float) -> EngineRun:
    """Run `code` in a fresh worker with an empty environment and every limit set.

    Raises:
        SandboxUnavailableError: Monty does not work here, or no worker became free.
    """
    import pydantic_monty

    stdout = _Stdout(limits.stdout_bytes)
    report: object = None
    failure: SandboxError | None = None
    try:
        with _checkout(limits, wall_seconds) as session:
            stdout.worker = session.worker_pid
            _confine(stdout.worker, limits, wall_seconds)
            inputs = {"CODE": code, "INPUT": input_value}
            report = session.feed_run(_HARNESS, inputs=inputs, print_callback=stdout)
    except pydantic_monty.MontyError as error:
        failure = _failure(error, wall_seconds)
    if stdout.full and not isinstance(failure, TimeLimitError):
        failure = OutputTooLargeError(f"the program printed over {limits.stdout_bytes} bytes")
    if failure is not None:
        return EngineRun(stdout=stdout.text(), error=failure)
    return _reported(stdout.text(), report)


class _Stdout:
    """Takes what a program prints, up to a limit, at which it ends the worker."""

    def __init__(self, size: int) -> None:
        self.worker: int | None = None
        self.full = False
        self._room = size
        self._parts: list[str] = []

    def __call__(self, stream: str, text: str) -> None:
        if stream != "stdout" or self.full:
            return
        data = text.encode()
        self.full = len(data) > self._room
        self._parts.append(data[: self._room].decode(errors="ignore") if self.full else text)
        self._room -= len(data)
        if self.full and self.worker is not None:
            # An error raised here would be seen only once the program ends.
            os.kill(self.worker, signal.SIGKILL)

    def text(self) -> str:
        return "".join(self._parts)


@contextlib.contextmanager
def _checkout(limits: Limits, wall_seconds: float) -> Iterator["pydantic_monty.MontySession"]:
    """Give a worker that answers: an idle one may have been killed, as for want of memory."""
    import pydantic_monty

    with contextlib.ExitStack() as stack:
        for _ in range(CHECKOUTS):
            try:
                session = stack.enter_context(
                    _POOL.get().checkout(
                        limits=pydantic_monty.ResourceLimits(
                            max_feed_duration_secs=wall_seconds,
                            max_turn_duration_secs=wall_seconds,
                            max_memory=limits.memory_bytes,
                            max_recursion_depth=limits.recursion_depth,
                            max_suspensions=1000,
                            max_total_sleep_secs=0.0,
                        ),
                        assert_message_annotations=False,
                        os_policy=pydantic_monty.OSPolicy(
                            datetime=CLOCK,
                            timezone="utc",
                            sleep="zero",
                            process_time="zero",
                            random_start={"seed": RANDOM_SEED},
                        ),
                    )
                )
                session.feed_run("None")
            except TimeoutError as error:
                raise SandboxUnavailableError("no Monty worker became free: try again") from error
            except pydantic_monty.MontyCrashedError:
                continue
            yield session
            return
        raise SandboxUnavailableError("the Monty worker dies as soon as it starts")


def _confine(pid: int | None, limits: Limits, wall_seconds: float) -> None:
    """Let the kernel hold the worker, should Monty's own limits fail: no new files, no cores."""
    if pid is None or sys.platform != "linux":
        return
    import resource

    data = limits.memory_bytes * 2 + WORKER_OVERHEAD_BYTES
    for limit, value in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, data),
        (resource.RLIMIT_CPU, int(wall_seconds + GRACE_SECONDS) + 2),
    ):
        # A worker that died before its program came is reported by the run itself.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, limit, (value, value))


def _failure(error: "pydantic_monty.MontyError", wall_seconds: float) -> SandboxError:
    """Say what ended the worker or stopped the program; no program can catch or fake these."""
    import pydantic_monty

    if isinstance(error, pydantic_monty.MontyCrashedError):
        if error.timed_out or error.exit_status == -signal.SIGXCPU:
            return TimeLimitError(f"the program ran over {wall_seconds:.3g} seconds")
        return EngineCrashedError(f"the Monty worker died (status {error.exit_status})")
    if isinstance(error, pydantic_monty.MontyRuntimeError):
        cause = error.exception()
        if isinstance(cause, TimeoutError):
            return TimeLimitError(f"the program ran over {wall_seconds:.3g} seconds")
        if isinstance(cause, MemoryError):
            return MemoryLimitError("the program ran out of memory")
    return EngineCrashedError(f"the Monty worker failed ({type(error).__name__})")


def _reported(stdout: str, report: object) -> EngineRun:
    """Read the harness's report. What was raised is for tier 2 to confirm, with its line."""
    if report is None:
        return EngineRun(stdout=stdout)
    match report:
        case [str(name), str(message)]:
            text = one_line(f"{name}: {message}", 400)
        case _:
            return EngineRun(stdout=stdout, error=EngineCrashedError("the Monty worker misspoke"))
    if name == "SyntaxError":
        return EngineRun(stdout=stdout, error=ProgramSyntaxError(text), inconclusive=True)
    return EngineRun(
        stdout=stdout, error=ProgramError(text), inconclusive=True, unsupported=name in _GAPS
    )
