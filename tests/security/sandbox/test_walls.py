"""The walls round the guests, seen from outside while a program runs, and each on its own."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redress.sandbox
from processes import sandbox_children
from redress.sandbox import Limits, close, run_program, warm_up

SPIN = "while True: pass"
FOLDER = Path(redress.sandbox.__file__).parent


def busy_child(tier: str) -> psutil.Process:
    """Wait for the child that runs the guest, past its preparation."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for child in sandbox_children():
            try:
                command = " ".join(child.cmdline())
                status = Path(f"/proc/{child.pid}/status").read_text()
            except (psutil.NoSuchProcess, FileNotFoundError):
                continue
            spinning = sum(child.cpu_times()[:2]) > 0.1
            if tier == "monty" and "monty" in command and spinning:
                return child
            if tier == "wasi" and "wasi_child" in command and "Seccomp:\t2" in status:
                return child
        time.sleep(0.01)
    raise AssertionError("no child runs the guest")


@pytest.fixture(params=["monty", "wasi"])
def guest(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psutil.Process]:
    close()
    monkeypatch.setenv("WALL_CANARY", "canary")
    thread = threading.Thread(
        target=run_program,
        args=(SPIN, None, Limits(wall_seconds=3)),
        kwargs={"engines": (request.param,)},
    )
    thread.start()
    child = busy_child(request.param)
    yield child
    child.kill()
    thread.join()


def test_a_guest_process_holds_nothing_of_the_host(guest: psutil.Process) -> None:
    assert "WALL_CANARY" not in guest.environ()
    assert set(guest.environ()) <= {"LD_LIBRARY_PATH"}
    assert guest.net_connections() == []
    assert guest.open_files() == []
    assert guest.rlimit(psutil.RLIMIT_NOFILE) == (0, 0)
    assert guest.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert guest.rlimit(psutil.RLIMIT_DATA)[1] < 1024**3
    assert guest.rlimit(psutil.RLIMIT_CPU)[1] < 10


def test_a_killed_guest_is_a_typed_error_and_the_next_run_works() -> None:
    results = []
    for tier in ("monty", "wasi"):
        thread = threading.Thread(
            target=lambda tier=tier: results.append(
                run_program(SPIN, None, Limits(wall_seconds=20), engines=(tier,))
            )
        )
        thread.start()
        busy_child(tier).send_signal(signal.SIGKILL)
        thread.join(10)
        assert run_program("print(1)", None, engines=(tier,)).value == 1
    assert [result.error.type for result in results] == ["EngineCrashedError"] * 2


def test_a_killed_idle_worker_is_replaced() -> None:
    close()
    warm_up()
    for child in sandbox_children():
        child.kill()
    assert run_program("print(1)", None, engines=("monty",)).value == 1


def test_nothing_is_left_after_close() -> None:
    run_program("print(1)", None)
    close()
    # A killed worker stays in the table of processes until its pool asks after it; it runs nothing.
    left = sandbox_children(recursive=True)
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie only waits for whoever inherited it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("tier", ["monty", "wasi"])
def test_guests_end_with_their_host(tier: str) -> None:
    program = textwrap.dedent(
        f"""
        from redress.sandbox import Limits, run_program
        run_program({SPIN!r}, None, Limits(wall_seconds=2.5), engines=({tier!r},))
        """
    )
    host = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 10
    guests: list[psutil.Process] = []
    while time.monotonic() < deadline and not guests:
        guests = [c for c in psutil.Process(host.pid).children() if sum(c.cpu_times()[:2]) > 0.2]
        time.sleep(0.02)
    host.kill()
    host.wait()
    assert guests
    # The kernel ends tier 2 with its parent; tier 1 ends by its own clock.
    deadline = time.monotonic() + (1.5 if tier == "wasi" else 10)
    while any(alive(guest) for guest in guests):
        assert time.monotonic() < deadline
        time.sleep(0.02)


FORBIDDEN = {
    "open": "open('/etc/passwd')",
    "socket": "__import__('socket').socket()",
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "kill": "os.kill(os.getppid(), 0)",
    "thread": "__import__('_thread').start_new_thread(int, ())",
    "pipe": "os.pipe()",
    "ptrace": "check(libc.ptrace(16, os.getppid(), 0, 0))",
    "read of the parent": "check(libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0))",
    "new namespace": "check(libc.unshare(0x10000000))",
    "tgkill": "check(libc.syscall(234, os.getppid(), os.getppid(), 9))",
}


@pytest.mark.parametrize("call", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_system_call_filter_holds_without_any_engine(call: str) -> None:
    program = textwrap.dedent(
        f"""
        import ctypes, os, socket, sys, _thread
        sys.path.insert(0, {str(FOLDER)!r})
        import seccomp
        libc = ctypes.CDLL(None, use_errno=True)
        def check(result):
            if result == -1:
                raise OSError(ctypes.get_errno(), "refused")
        if not seccomp.install():
            os._exit(3)
        try:
            {call}
        except (OSError, RuntimeError) as error:
            # A thread that cannot start is a RuntimeError without a number.
            os._exit(0 if getattr(error, "errno", 1) == 1 else 4)
        os._exit(5)
        """
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], check=False, timeout=20)
    assert done.returncode == 0


def test_the_import_triage_names_the_module_before_any_engine_runs() -> None:
    result = run_program("import json\nfrom os.path import join as j\nprint(1)", None)
    assert result.error is not None
    assert result.error.type == "ForbiddenImportError"
    assert "'os.path' in line 2" in result.error.message
    assert result.engine is None
