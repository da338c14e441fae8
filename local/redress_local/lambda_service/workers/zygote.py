"""The process that starts workers: run as a script, it imports nothing but the standard library.

It is single-threaded, knows nothing of the host's environment and holds what the Lambda runtime
itself holds: the interpreter, awslambdaric and boto3 (see `PRELOADED`). A worker is a fork of it,
which costs milliseconds where a fresh interpreter that imports boto3 costs half a second. Where a
fork could not be told from AWS's own start (`exec` in the order: a function that brings its own
boto3 or sets PYTHON* variables; any platform but Linux) the child starts a fresh interpreter.

Orders come over a socket: 8 bytes of length, JSON, and for a start two descriptors, the worker's
log pipe and its life pipe. Into the life pipe go the worker's process id and, when it ended, how.
When the socket closes, for whatever reason, every worker dies with all its children.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from typing import Any

# Top-level names of what is preloaded: a function that brings one of these gets its own.
RUNTIME_NAMES = (
    "awslambdaric",
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "s3transfer",
    "simplejson",
    "six",
    "urllib3",
    "runtime_client",
    "snapshot_restore_py",
)

# Not awslambdaric.bootstrap nor its client: both read the environment when they are imported.
PRELOADED = (
    "concurrent.futures.thread",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "hashlib",
    "hmac",
    "http.client",
    "logging",
    "ssl",
    "traceback",
    "typing",
    "uuid",
    "zoneinfo",
    "awslambdaric.lambda_config",
    "awslambdaric.lambda_context",
    "awslambdaric.lambda_literals",
    "awslambdaric.lambda_runtime_exception",
    "awslambdaric.lambda_runtime_log_utils",
    "awslambdaric.lambda_runtime_marshaller",
    "awslambdaric.lambda_runtime_hooks_runner",
    "boto3",
    "boto3.session",
    "botocore.client",
    "botocore.config",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.handlers",
    "botocore.httpsession",
    "botocore.loaders",
    "botocore.parsers",
    "botocore.regions",
    "botocore.retries.standard",
    "botocore.session",
    "botocore.signers",
    "botocore.tokens",
    "botocore.waiter",
)

# The first entry is this script's own folder.
STANDARD_PATH = sys.path[1:]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
HEADER = 8


def main(control_fd: int, runtime_folder: str) -> "dict[str, Any] | None":
    """Serve orders until the host is gone; in a forked worker, return its order."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None) if linux else None
    if libc is not None:
        # A handler's children that began a session of their own become ours when it dies.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _preload(runtime_folder)
    control = socket.socket(fileno=control_fd)
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    workers: dict[int, tuple[str, int]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(workers)
        if control.fileno() not in ready:
            continue
        order, fds = _receive(control)
        if order is None:
            _end(workers)
            return None
        if order["do"] == "kill":
            for pid, (name, _) in workers.items():
                if name == order["id"]:
                    _kill_group(pid)
            continue
        log, life = fds
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            # No pid is written: the host sees the life pipe end.
            os.close(log)
            os.close(life)
            continue
        if pid == 0:
            _become_worker(order, log, libc, zygote)
            return order
        os.close(log)
        workers[pid] = (order["id"], life)
        _tell(life, f"{pid}\n")


def run(order: "dict[str, Any]") -> None:
    """Be the worker of `order`: run awslambdaric until it ends."""
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    # A fresh interpreter has what PYTHONPATH names in its path already.
    sys.path[:] = [*order["path"], *(one for one in STANDARD_PATH if one not in order["path"])]
    sys.argv[:] = [sys.argv[0], order["environment"]["_HANDLER"]]
    bootstrap = importlib.import_module("awslambdaric.__main__")
    bootstrap.main(sys.argv)


def _preload(runtime_folder: str) -> None:
    _add_site_builtins()
    sys.path[:] = [runtime_folder, *STANDARD_PATH]
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _add_site_builtins() -> None:
    """Give what `import site` gives programs (exit, help), without the folders that it adds."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def _receive(control: socket.socket) -> "tuple[dict[str, Any] | None, list[int]]":
    head, fds, _, _ = socket.recv_fds(control, HEADER, 2)
    while head and len(head) < HEADER:
        more = control.recv(HEADER - len(head))
        if not more:
            return None, []
        head += more
    if not head:
        return None, []
    size = int.from_bytes(head, "big")
    body = bytearray()
    while len(body) < size:
        more = control.recv(min(size - len(body), 1 << 16))
        if not more:
            return None, []
        body += more
    order: dict[str, Any] = json.loads(bytes(body))
    return order, fds


def _become_worker(order: "dict[str, Any]", log: int, libc: Any, zygote: int) -> None:
    os.setsid()
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != zygote:
            os._exit(1)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, max(int(name) for name in os.listdir("/dev/fd")) + 1)  # noqa: PTH208
    try:
        os.chdir(order["folder"])
    except OSError as error:
        os.write(2, f"the code folder cannot be entered: {error}\n".encode())
        os._exit(1)
    if order["exec"] or sys.platform != "linux" or threading.active_count() > 1:
        known = json.dumps({"path": order["path"], "names": list(order["environment"])})
        command = [sys.executable, "-S", __file__, "exec", known]
        os.execve(sys.executable, command, order["environment"])  # noqa: S606
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _reap(workers: "dict[int, tuple[str, int]]") -> None:
    died = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if pid in workers:
            died = True
            _, life = workers.pop(pid)
            # Its children die with it; the group outlives its leader as long as it has any.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            _tell(life, f"{os.waitstatus_to_exitcode(status)}\n")
            os.close(life)
    if died:
        _kill_strays(workers)


def _kill_strays(workers: "dict[int, tuple[str, int]]") -> None:
    """Kill what dead workers left: by subreaping they are our own children now."""
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children") as file:  # noqa: PTH123
            children = [int(text) for text in file.read().split()]
    except OSError:
        return
    for pid in children:
        if pid not in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _end(workers: "dict[int, tuple[str, int]]") -> None:
    for pid in workers:
        _kill_group(pid)
    for pid in list(workers):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    # Each generation of strays becomes ours when the one before has died.
    while True:
        _kill_strays({})
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    # A child that has not reached its setsid yet has no group.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _tell(life: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(life, text.encode())


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        _add_site_builtins()
        given = json.loads(sys.argv[2])
        # Without LC_CTYPE, which an interpreter sets itself where LANG's locale is missing.
        kept = {name: value for name, value in os.environ.items() if name in given["names"]}
        run({"path": given["path"], "environment": kept})
    else:
        chosen = main(int(sys.argv[1]), sys.argv[2])
        if chosen is not None:
            run(chosen)
