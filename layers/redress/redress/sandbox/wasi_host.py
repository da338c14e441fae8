"""All that the WASI guest can ask of its host: a dozen calls, written out, and no other.

wasmtime's own WASI is not linked: it brings files, clocks, sleeps, sockets, threads. Here the guest
reads stdin, writes stdout and stderr, and sees arguments, an environment, a clock and entropy that
are the same in every run; every other call of the interface answers "not supported". CPython's
standard library lies inside the guest's own memory. The module imports nothing of its package.
"""

import os
import struct
from typing import Any

INTERFACE = "wasi_snapshot_preview1"
CLOCK_NANOSECONDS = 946_684_800 * 10**9
ARGUMENTS = ("python", "-I", "-S", "-B", "-X", "utf8", "-c")
ENVIRONMENT = ("PYTHONHASHSEED=0",)
SUCCESS, EBADF, EFBIG, ENOSYS, ESPIPE = 0, 8, 22, 52, 70
MAX_VECTORS = 1024
MAX_CHUNK = 1 << 20


class GuestExitError(Exception):
    """The guest ended itself; carries its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Host:
    """The calls. Each takes the caller, whose memory it reads and writes, then WASI's own words.

    wasmtime checks every access against the guest's memory; an access beyond it raises, which ends
    the guest.
    """

    def __init__(self, source: str) -> None:
        """Prepare to run `source` as the guest's `-c` argument."""
        self.arguments = [text.encode() + b"\0" for text in (*ARGUMENTS, source)]
        self.environment = [text.encode() + b"\0" for text in ENVIRONMENT]

    def args_sizes_get(self, caller: Any, count: int, size: int) -> int:
        """Give number and total length of the arguments."""
        return _sizes(caller, self.arguments, count, size)

    def args_get(self, caller: Any, pointers: int, buffer: int) -> int:
        """Give the arguments."""
        return _strings(caller, self.arguments, pointers, buffer)

    def environ_sizes_get(self, caller: Any, count: int, size: int) -> int:
        """Give number and total length of the environment."""
        return _sizes(caller, self.environment, count, size)

    def environ_get(self, caller: Any, pointers: int, buffer: int) -> int:
        """Give the environment."""
        return _strings(caller, self.environment, pointers, buffer)

    def clock_res_get(self, caller: Any, _clock: int, where: int) -> int:
        """Give a resolution of one nanosecond."""
        return _write(caller, where, (1).to_bytes(8, "little"))

    def clock_time_get(self, caller: Any, _clock: int, _precision: int, where: int) -> int:
        """Give the one instant at which all programs run."""
        return _write(caller, where, CLOCK_NANOSECONDS.to_bytes(8, "little"))

    def random_get(self, caller: Any, where: int, size: int) -> int:
        """Give zeros: two runs of a program must not differ."""
        return _write(caller, where, bytes(min(_unsigned(size), MAX_CHUNK)))

    def fd_fdstat_get(self, caller: Any, fd: int, where: int) -> int:
        """Describe a stream: of no known type, so no terminal, with every right."""
        if fd not in (0, 1, 2):
            return EBADF
        return _write(caller, where, struct.pack("<BxHxxxxQQ", 0, 0, 2**64 - 1, 2**64 - 1))

    def fd_filestat_get(self, caller: Any, fd: int, where: int) -> int:
        """Describe a stream as an empty file of no known type."""
        return _write(caller, where, bytes(64)) if fd in (0, 1, 2) else EBADF

    def fd_prestat_get(self, _caller: Any, _fd: int, _where: int) -> int:
        """Say that no folder is open."""
        return EBADF

    def fd_seek(self, _caller: Any, fd: int, _offset: int, _whence: int, _where: int) -> int:
        """Say that a stream has no position."""
        return ESPIPE if fd in (0, 1, 2) else EBADF

    def fd_close(self, _caller: Any, fd: int) -> int:
        """Accept; the host's own files stay open."""
        return SUCCESS if fd in (0, 1, 2) else EBADF

    def fd_read(self, caller: Any, fd: int, vectors: int, count: int, done: int) -> int:
        """Read from stdin."""
        if fd != 0:
            return EBADF
        total = 0
        for where, size in _vectors(caller, vectors, count):
            data = os.read(0, size)
            _write(caller, where, data)
            total += len(data)
            if len(data) < size:
                break
        return _write(caller, done, total.to_bytes(4, "little"))

    def fd_write(self, caller: Any, fd: int, vectors: int, count: int, done: int) -> int:
        """Write to stdout or stderr."""
        if fd not in (1, 2):
            return EBADF
        total = 0
        try:
            for where, size in _vectors(caller, vectors, count):
                written = os.write(fd, _read(caller, where, size))
                total += written
                if written < size:
                    break
        except OSError:  # The file is at its size limit.
            return EFBIG
        return _write(caller, done, total.to_bytes(4, "little"))

    def proc_exit(self, _caller: Any, code: int) -> None:
        """End the guest."""
        raise GuestExitError(code)

    def sched_yield(self, _caller: Any) -> int:
        """Go on."""
        return SUCCESS


def define(linker: Any, module: Any, host: Host) -> None:
    """Give every import of `module` its call, or a refusal."""
    for item in module.imports:
        if item.module != INTERFACE:
            continue
        call = getattr(host, item.name, None)
        if call is None:
            linker.define_func(INTERFACE, item.name, item.type, lambda *_: ENOSYS)
        else:
            linker.define_func(INTERFACE, item.name, item.type, call, access_caller=True)


def _unsigned(word: int) -> int:
    return word & 0xFFFFFFFF


def _read(caller: Any, where: int, size: int) -> bytes:
    start = _unsigned(where)
    data = bytes(caller["memory"].read(caller, start, start + size))
    if len(data) != size:
        raise IndexError("out of the guest's memory")
    return data


def _write(caller: Any, where: int, data: bytes) -> int:
    caller["memory"].write(caller, data, _unsigned(where))
    return SUCCESS


def _vectors(caller: Any, where: int, count: int) -> list[tuple[int, int]]:
    table = _read(caller, where, 8 * min(_unsigned(count), MAX_VECTORS))
    return [(place, min(size, MAX_CHUNK)) for place, size in struct.iter_unpack("<II", table)]


def _sizes(caller: Any, strings: list[bytes], count: int, size: int) -> int:
    _write(caller, count, len(strings).to_bytes(4, "little"))
    return _write(caller, size, sum(map(len, strings)).to_bytes(4, "little"))


def _strings(caller: Any, strings: list[bytes], pointers: int, buffer: int) -> int:
    place = _unsigned(buffer)
    for index, text in enumerate(strings):
        _write(caller, _unsigned(pointers) + 4 * index, place.to_bytes(4, "little"))
        _write(caller, place, text)
        place += len(text)
    return SUCCESS
