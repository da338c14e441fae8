"""The one-shot process round the WASI guest: `python -I -S wasi_child.py SITE MODULE SETTINGS`.

Stdin is the guest's stdin (a job for `wasi_guest.py`); stdout and stderr are the guest's. The
process has no environment worth reading and no file beyond these three, and it tells how it ended
by its exit status alone. It loads its sibling files by path and imports nothing of its package.
"""

import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

OK = 0
GUEST_REPORTED = 10
GUEST_EXITED = 11
GUEST_NO_MEMORY = 12
GUEST_STACK = 13
GUEST_TRAPPED = 14
BAD_MODULE = 20
BAD_SETUP = 21

FOLDER = Path(__file__).resolve().parent


def main(site: str, module_path: str, settings_json: str) -> NoReturn:
    """Run the guest and leave with one of the exit statuses above.

    Args:
        site: The folder that holds `wasmtime`.
        module_path: The compiled interpreter.
        settings_json: `{parent, memory_bytes, stdout_bytes, cpu_seconds}`.
    """
    settings = json.loads(settings_json)
    seccomp = load("seccomp")
    seccomp.die_with_parent()
    if os.getppid() != settings["parent"]:
        os._exit(BAD_SETUP)
    sys.path.append(site)
    import wasmtime

    wasi_host = load("wasi_host")
    host = wasi_host.Host((FOLDER / "wasi_guest.py").read_text(encoding="utf-8"))
    engine = wasmtime.Engine(engine_config(wasmtime))
    try:
        module = wasmtime.Module.deserialize_file(engine, module_path)
    except wasmtime.WasmtimeError:
        os._exit(BAD_MODULE)
    linker = wasmtime.Linker(engine)
    wasi_host.define(linker, module, host)
    store = wasmtime.Store(engine)
    store.set_limits(memory_size=settings["memory_bytes"], instances=1, memories=1, tables=4)
    start = linker.instantiate(store, module).exports(store)["_start"]
    # The module's own file, which is mapped by now.
    os.closerange(3, 64)
    set_rlimits(settings)
    seccomp.install()
    os._exit(status_of(wasmtime, wasi_host, store, start))


def load(name: str) -> ModuleType:
    """Import a sibling file by its path, so that no folder of ours comes into `sys.path`."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    if spec is None or spec.loader is None:
        os._exit(BAD_SETUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def engine_config(wasmtime: Any) -> Any:
    """Return the configuration that a module is compiled with and must be loaded with.

    A named target keeps the compiling machine's own CPU features out of the code, so that it runs
    on any x86_64. No fuel and no epochs: either costs the guest 20 % and more, and the process is
    killed from outside whatever the engine does.
    """
    config = wasmtime.Config()
    config.target = "x86_64-unknown-linux-gnu"
    return config


def set_rlimits(settings: dict[str, Any]) -> None:
    """Have the kernel hold this process to its limits."""
    for limit, value in (
        (resource.RLIMIT_CPU, settings["cpu_seconds"]),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, settings["stdout_bytes"] + 1),
        # Address space cannot be limited: WebAssembly reserves 4 GiB of it, untouched.
        (resource.RLIMIT_DATA, settings["memory_bytes"] * 2 + 256 * 1024 * 1024),
    ):
        resource.setrlimit(limit, (value, value))


def status_of(wasmtime: Any, wasi_host: Any, store: Any, start: Any) -> int:
    """Run the guest and return the exit status that says how it ended."""
    try:
        start(store)
    except wasi_host.GuestExitError as end:
        return {0: OK, 81: GUEST_REPORTED, 82: GUEST_NO_MEMORY}.get(end.code, GUEST_EXITED)
    except wasmtime.Trap as trap:
        overflow = trap.trap_code is wasmtime.TrapCode.STACK_OVERFLOW
        return GUEST_STACK if overflow else GUEST_TRAPPED
    except Exception:  # noqa: BLE001 - a host call that the guest made with nonsense
        return GUEST_TRAPPED
    return OK


if __name__ == "__main__":
    main(*sys.argv[1:4])
