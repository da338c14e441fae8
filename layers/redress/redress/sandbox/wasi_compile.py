"""Compiles the WASI interpreter: `python -I -S wasi_compile.py SITE SOURCE.wasm TARGET`.

A process of its own, for a compile takes 320 MB and all cores. It imports nothing of its package.
"""

import importlib.util
import os
import sys
from pathlib import Path


def main(site: str, source: str, target: str) -> None:
    """Write the machine code of `source` to `target`, for the settings of `wasi_child.py`."""
    sys.path.append(site)
    import wasmtime

    path = Path(__file__).resolve().with_name("wasi_child.py")
    spec = importlib.util.spec_from_file_location("wasi_child", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    module = wasmtime.Module.from_file(wasmtime.Engine(child.engine_config(wasmtime)), source)
    with Path(target).open("wb") as file:
        file.write(module.serialize())
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(*sys.argv[1:4])
