"""A system-call allow-list for the WASI child, on x86_64 Linux, by ctypes alone.

It is the third wall of tier 2: code that broke out of WebAssembly could still only compute, and
write to the two files that it already holds. It imports nothing of its package, for the child
runs without it.
"""

import ctypes
import os
import struct

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
AUDIT_ARCH_X86_64 = 0xC000003E
RET_ALLOW = 0x7FFF0000
RET_KILL_PROCESS = 0x80000000
RET_EPERM = 0x00050000 | 1
LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
NUMBER, ARCH, ARG0 = 0, 4, 16

ALLOWED = {
    "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "mremap": 25, "madvise": 28,
    "getpid": 39, "exit": 60, "sigaltstack": 131, "gettid": 186, "futex": 202,
    "clock_gettime": 228, "exit_group": 231, "getrandom": 318, "membarrier": 324,
}  # fmt: skip
TGKILL, X32_BIT = 234, 0x40000000


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program(pid: int) -> bytes:
    """Return the BPF program for process `pid`: it computes, and signals itself only."""
    ops = [
        _op(LOAD, ARCH),
        _op(EQUAL, AUDIT_ARCH_X86_64, 1, 0),
        _op(RETURN, RET_KILL_PROCESS),
        _op(LOAD, NUMBER),
        _op(AT_LEAST, X32_BIT, 0, 1),
        _op(RETURN, RET_KILL_PROCESS),
    ]
    for number in ALLOWED.values():
        ops += [_op(EQUAL, number, 0, 1), _op(RETURN, RET_ALLOW)]
    # abort() signals its own process.
    ops += [
        _op(EQUAL, TGKILL, 0, 3),
        _op(LOAD, ARG0),
        _op(EQUAL, pid, 0, 1),
        _op(RETURN, RET_ALLOW),
        _op(RETURN, RET_EPERM),
    ]
    return b"".join(ops)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def prctl(option: int, *args: int) -> bool:
    """Make the system call of that name; return whether it succeeded."""
    words = [ctypes.c_ulong(word) for word in (*args, 0, 0, 0, 0)[:4]]
    return bool(ctypes.CDLL(None).prctl(ctypes.c_int(option), *words) == 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    prctl(PR_SET_PDEATHSIG, 9)


def install() -> bool:
    """Confine this process for good; return False where the kernel has no such filter."""
    code = program(os.getpid())
    buffer = _Filter(len(code) // 8, code)
    prctl(PR_SET_DUMPABLE, 0)
    return prctl(PR_SET_NO_NEW_PRIVS, 1) and prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(buffer)
    )
