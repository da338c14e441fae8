"""How much memory a worker and its children hold, read cheaply enough to ask often."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import psutil

MB: Final = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LINUX = sys.platform == "linux"


def resident_bytes(pid: int) -> int:
    """Return what a process and its children hold in RAM; 0 when it is gone.

    A worker begins with what it shares with the zygote (about 40 MB), as a function in AWS begins
    with its runtime.
    """
    if not _LINUX:
        total = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
        return total
    return sum(_statm(one) for one in (pid, *_descendants(pid)))


def peak_bytes(pid: int) -> int:
    """Return the most that a process itself has held in RAM; 0 where that is not known."""
    if not _LINUX:
        return 0
    try:
        with Path(f"/proc/{pid}/status").open("rb") as file:
            text = file.read()
    except OSError:
        return 0
    _, found, rest = text.partition(b"VmHWM:")
    return int(rest.split(None, 1)[0]) * 1024 if found else 0


def _statm(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/statm").open("rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for thread in _entries(f"/proc/{pid}/task"):
        try:
            with Path(f"/proc/{pid}/task/{thread}/children").open("rb") as file:
                children = [int(text) for text in file.read().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return []
