"""Tier 2: CPython on WebAssembly, in a one-shot process with an empty environment."""

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from redress.sandbox import wasi_child, wasi_module
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
from redress.sandbox.monty_engine import RANDOM_SEED
from redress.sandbox.triage import imported_modules

_CHILD = Path(wasi_child.__file__)
# More at once than there are cores only makes each of them miss its wall limit.
_SLOTS = threading.Semaphore(max(2, os.cpu_count() or 1))


def version(module: Path) -> str:
    """Return the engine's name and version, which the module's file name holds."""
    return module.name.removesuffix(".cwasm")


def find_module(wasi_module_path: Path | None, cache_folder: Path | None) -> Path:
    """Return the compiled interpreter: the one shipped beside the code, or the cached one.

    Raises:
        SandboxUnavailableError: There is none for this machine.
    """
    wasi_module.check_platform()
    wasi_module.site_folder()
    if wasi_module_path is None:
        return wasi_module.ensure_compiled(cache_folder)
    if not wasi_module_path.is_file():
        raise SandboxUnavailableError(
            f"{wasi_module_path} is not a file: build it with tools/build_wasi.py"
        )
    return wasi_module_path.resolve()


def run(
    code: str, input_json: bytes, limits: Limits, wall_seconds: float, module: Path
) -> EngineRun:
    """Run `code` in a child that is killed after `wall_seconds`.

    Raises:
        SandboxUnavailableError: The child could not start, or cannot use `module`.
    """
    source = code.encode()
    guest = {
        "code_bytes": len(source),
        "recursion_depth": limits.recursion_depth,
        "seed_random": any(name == "random" for name, _ in imported_modules(code)),
        "random_seed": RANDOM_SEED,
    }
    job = json.dumps(guest).encode() + b"\n" + source + input_json
    settings = {
        "parent": os.getpid(),
        "memory_bytes": limits.memory_bytes,
        "stdout_bytes": limits.stdout_bytes,
        "cpu_seconds": int(wall_seconds) + 2,
    }
    command = [
        *wasi_module.python_command(module.parent / "pycache"),
        str(_CHILD),
        str(wasi_module.site_folder()),
        str(module),
        json.dumps(settings),
    ]
    with contextlib.ExitStack() as files:
        try:
            stdin, stdout, stderr = (files.enter_context(_memory_file(n)) for n in range(3))
            _write_all(stdin, job)
            with _SLOTS:
                status = _run_child(command, (stdin, stdout, stderr), wall_seconds)
        except OSError as error:
            raise SandboxUnavailableError(f"the WASI child does not start: {error}") from error
        printed = _read(stdout, limits.stdout_bytes + 1)
        reported = _read(stderr, limits.stdout_bytes + 1)
    text = printed[: limits.stdout_bytes].decode(errors="replace")
    failure = _failure(status, reported, wall_seconds, module)
    if len(printed) > limits.stdout_bytes and not isinstance(failure, TimeLimitError):
        failure = OutputTooLargeError(f"the program printed over {limits.stdout_bytes} bytes")
    return EngineRun(stdout=text, error=failure)


@contextlib.contextmanager
def _memory_file(number: int) -> Iterator[int]:
    """Give a file in memory: unlike a pipe it never blocks, and RLIMIT_FSIZE bounds it."""
    handle = os.memfd_create(f"sandbox-{number}")
    try:
        yield handle
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.lseek(handle, 0, os.SEEK_SET)


def _read(handle: int, size: int) -> bytes:
    return os.pread(handle, size, 0)


def _run_child(command: list[str], files: tuple[int, int, int], wall_seconds: float) -> int | None:
    """Return the exit status of the child (negative: a signal), None when it had to be killed."""
    stdin, stdout, stderr = files
    process = subprocess.Popen(  # noqa: S603 - our own script, by its path
        command,
        env=wasi_module.child_environment(),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
    try:
        if _ended(process, wall_seconds):
            return process.wait()
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _ended(process: "subprocess.Popen[bytes]", wall_seconds: float) -> bool:
    """Wait without polling, as `Popen.wait(timeout)` would by up to 50 ms."""
    handle = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(max(1.0, wall_seconds * 1000)))
    finally:
        os.close(handle)


def _failure(
    status: int | None, reported: bytes, wall_seconds: float, module: Path
) -> SandboxError | None:
    if status in (None, -signal.SIGXCPU):
        return TimeLimitError(f"the program ran over {wall_seconds:.3g} seconds")
    if status == wasi_child.OK:
        return None
    if status == wasi_child.GUEST_REPORTED:
        return _guest_report(reported)
    if status == wasi_child.GUEST_NO_MEMORY:
        return MemoryLimitError("the program ran out of memory")
    if status == wasi_child.GUEST_STACK:
        return ProgramError("RecursionError: the stack is exhausted")
    if status == wasi_child.GUEST_EXITED:
        return ProgramError("SystemExit: the program ended its interpreter")
    if status == wasi_child.GUEST_TRAPPED:
        return EngineCrashedError("the interpreter trapped under the program")
    if status == wasi_child.BAD_MODULE:
        raise SandboxUnavailableError(
            f"{module} does not fit this wasmtime or this machine: delete it, or build it again"
        )
    if status is not None and status < 0:
        return EngineCrashedError(f"the WASI process died of signal {-status}")
    lines = reported.decode(errors="replace").strip().splitlines() or ["no reason given"]
    raise SandboxUnavailableError(f"the WASI child failed: {one_line(lines[-1], 200)}")


def _guest_report(reported: bytes) -> SandboxError:
    """Read the guest's own words of how it ended: any bytes at all, so every shape is accepted."""
    try:
        report = json.loads(reported.rpartition(b"\n")[2])
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        return ProgramError("the program raised and spoiled its own report")
    kind = report.get("kind")
    if kind == "memory":
        return MemoryLimitError("the program ran out of memory")
    message = one_line(f"{report.get('type')}: {report.get('message')}", 400)
    if isinstance(report.get("line"), int):
        message += f" (line {report['line']:d})"
    return ProgramSyntaxError(message) if kind == "syntax" else ProgramError(message)
