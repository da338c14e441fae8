"""Token buckets that hold a stage's throttling limits."""

from __future__ import annotations

import threading
from collections.abc import Callable

from redress_local.front.models import Stage, Throttle


class TokenBucket:
    """Lets `burst` requests through at once and `rate` per second after that.

    Args:
        limit: Rate and burst.
        clock: Seconds that only grow.
    """

    def __init__(self, limit: Throttle, clock: Callable[[], float]) -> None:
        self._rate = limit.rate
        self._burst = float(limit.burst)
        self._clock = clock
        self._tokens = self._burst
        self._filled_at = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one token; False means that the request is to be refused."""
        with self._lock:
            now = self._clock()
            earned = max(0.0, now - self._filled_at) * self._rate
            self._tokens = min(self._burst, self._tokens + earned)
            self._filled_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class StageThrottle:
    """A bucket for each route of a stage that has a limit."""

    def __init__(self, stage: Stage, clock: Callable[[], float]) -> None:
        self._stage = stage
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, route_key: str) -> bool:
        """Whether a request to the route may pass now. Call it from the event loop only."""
        bucket = self._buckets.get(route_key)
        if bucket is None:
            limit = self._stage.route_throttles.get(route_key, self._stage.throttle)
            if limit is None:
                return True
            bucket = self._buckets[route_key] = TokenBucket(limit, self._clock)
        return bucket.take()
