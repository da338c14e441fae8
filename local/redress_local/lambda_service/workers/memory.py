"""How much memory a worker and its children hold, read cheaply enough to ask often."""

import contextlib
import os
import sys
from typing import Final

import psutil

MB: Final = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LINUX = sys.platform == "linux"
_BLOCK = 16_384


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
    _, found, rest = _read(f"/proc/{pid}/status").partition(b"VmHWM:")
    return int(rest.split(None, 1)[0]) * 1024 if found else 0


def _statm(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split(None, 2)
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for thread in _entries(f"/proc/{pid}/task"):
        for text in _read(f"/proc/{pid}/task/{thread}/children").split():
            child = int(text)
            found += [child, *_descendants(child)]
    return found


def _read(path: str) -> bytes:
    """A file of the kernel's, without a file object; empty when its process is gone."""
    parts: list[bytes] = []
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        while part := os.read(file, _BLOCK):
            parts.append(part)
    except OSError:
        return b""
    finally:
        os.close(file)
    return b"".join(parts)


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return []
