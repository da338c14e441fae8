"""Compiles the WASI interpreter: into this user's cache, or into a file to ship beside the code.

python tools/build_wasi.py                     # the cache, as set-up does
python tools/build_wasi.py --out build/FOLDER  # FOLDER/cpython-wasi-...cwasm, for a layer
"""

import argparse
import sys
import time
from pathlib import Path

from redress.sandbox import wasi_module
from redress.sandbox.errors import SandboxUnavailableError


def main() -> int:
    """Compile once; return 0 when the module is there, also where this machine cannot use one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for a module to ship")
    out: Path | None = parser.parse_args().out
    try:
        wasi_module.check_platform()
    except SandboxUnavailableError as error:
        print(f"Skipped: {error}.")
        return 0
    started = time.monotonic()
    try:
        if out is None:
            module = wasi_module.ensure_compiled()
        else:
            out.mkdir(parents=True, exist_ok=True)
            module = out / wasi_module.module_name()
            if not module.is_file():
                wasi_module.compile_module(module)
    except SandboxUnavailableError as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    print(f"{module} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
