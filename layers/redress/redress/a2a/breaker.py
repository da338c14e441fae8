"""A circuit breaker: who does not answer is left alone for a while."""

import threading
from collections.abc import Callable


class CircuitBreaker:
    """Opens after failures in a row; then lets one call through now and again, to see.

    Args:
        now: Monotonic seconds.
        failures: How many in a row open it.
        rest: Seconds until one call may try again.
    """

    def __init__(self, now: Callable[[], float], failures: int = 5, rest: float = 30.0) -> None:
        self._now = now
        self._limit = failures
        self._rest = rest
        self._failures = 0
        self._next_try = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether a call may be made now; while it is open, only one per rest may."""
        with self._lock:
            if self._failures < self._limit:
                return True
            if self._now() < self._next_try:
                return False
            self._next_try = self._now() + self._rest
            return True

    def succeeded(self) -> None:
        """Note that the other side answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Note that it did not."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._limit:
                self._next_try = self._now() + self._rest
