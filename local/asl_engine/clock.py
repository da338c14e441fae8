"""Time as the engine sees it, so that tests of waits and backoffs take no time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> float:
        """Seconds since the epoch; what histories and wait deadlines are stamped with."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; what timers run on."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class SystemClock:
    """The clock of the machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class VirtualClock:
    """A clock that moves only when somebody sleeps on it or advances it.

    For an engine without threads (`max_workers=0`): timers are reached by moving this clock.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """The same seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on at once, and remember for how long."""
        self.slept.append(seconds)
        self._now += seconds

    def advance(self, seconds: float) -> None:
        """Move the clock on, as a slow task would."""
        self._now += seconds


def iso(at: float) -> str:
    """Epoch seconds as Step Functions writes times: UTC, milliseconds, `Z`."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
