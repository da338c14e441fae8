"""CPU time of this process and of the processes that it started."""

import os
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """CPU seconds of this process, of its finished children and, on Linux, of its running ones."""
    times = os.times()
    finished = times.children_user + times.children_system
    return time.process_time() + finished + sum(_running(str(os.getpid())))


def _running(pid: str) -> list[float]:
    seconds: list[float] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = children.read_text().split()
        except OSError:
            continue
        for child in pids:
            try:
                # After the command's name, which may hold anything, come 11 other fields.
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            seconds.append(sum(int(field) for field in fields[11:15]) / _TICK)
            seconds.extend(_running(child))
    return seconds
