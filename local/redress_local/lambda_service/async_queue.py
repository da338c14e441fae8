"""The queue of asynchronous invocations: in order of arrival, tried again as AWS does it.

Waits between attempts are shortened by a factor, and events age by the time that the whole wait
would have taken, so that a fast local run decides as AWS would.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import msgspec

from redress_local.lambda_service.errors import FunctionNotFoundError, LambdaServiceError
from redress_local.lambda_service.types import Outcome

_log = logging.getLogger(__name__)

LOCAL_TIME_FACTOR = 1 / 60
"""The local cloud waits a second where AWS waits a minute."""

_ERROR_WAITS = (60.0, 120.0)
_FIRST_THROTTLE_WAIT = 1.0
_LONGEST_THROTTLE_WAIT = 300.0


class AsyncEvent(msgspec.Struct, kw_only=True, eq=False):
    """One accepted event.

    Attributes:
        attempts: How often the function ran.
        refusals: How often it was throttled, or the service failed.
        refusal: The message of the last refusal; None after the function ran.
        skipped: Seconds by which its waits were shortened.
    """

    function: str
    payload: bytes
    request_id: str
    accepted: float
    trace_id: str | None = None
    attempts: int = 0
    refusals: int = 0
    refusal: str | None = None
    outcome: Outcome | None = None
    skipped: float = 0.0

    def age(self, now: float) -> float:
        """Seconds since it was accepted, as AWS's clock would have it."""
        return now - self.accepted + self.skipped


class Step(msgspec.Struct, frozen=True):
    """What to do with an event after an attempt: wait (AWS's seconds), or be done with it."""

    wait: float | None


DONE = Step(None)


def retry_after_error(event: AsyncEvent) -> Step:
    """The wait after the function failed: a minute, then two."""
    return Step(_ERROR_WAITS[min(event.attempts, len(_ERROR_WAITS)) - 1])


def retry_after_refusal(event: AsyncEvent) -> Step:
    """The wait after the function could not run: a second at first, five minutes at most."""
    wait = _FIRST_THROTTLE_WAIT * 2.0 ** min(event.refusals - 1, 20)
    return Step(min(wait, _LONGEST_THROTTLE_WAIT))


class AsyncQueue:
    """Works events off by threads that are started as they are needed.

    Args:
        attempt: Runs one attempt and says what next. It may raise: the event is then tried later.
        time_factor: What waits are multiplied by.
        max_threads: Attempts that may run at once.
        max_per_function: Of them, those of one function, so that a slow one holds up no other.
    """

    def __init__(
        self,
        attempt: Callable[[AsyncEvent], Step],
        *,
        time_factor: float = LOCAL_TIME_FACTOR,
        max_threads: int = 32,
        max_per_function: int = 10,
    ) -> None:
        self._attempt = attempt
        self._factor = time_factor
        self._max_threads = max_threads
        self._max_per_function = max_per_function
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._ready: dict[str, deque[tuple[int, AsyncEvent]]] = {}
        self._later: list[tuple[float, int, AsyncEvent]] = []
        self._running: Counter[str] = Counter()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def put(self, event: AsyncEvent) -> None:
        """Accept an event.

        Raises:
            LambdaServiceError: The queue is closed.
        """
        with self._changed:
            if self._closed:
                raise LambdaServiceError("the service is stopping")
            self._push(next(self._order), event)

    def join(self, timeout: float) -> bool:
        """Wait until every event is done with, whatever became of it; False after `timeout` s."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending(), timeout)

    def close(self) -> None:
        """Stop; events that still wait are dropped, running attempts end by themselves."""
        with self._changed:
            self._closed = True
            dropped = self._pending() - sum(self._running.values())
            self._ready.clear()
            self._later.clear()
            self._changed.notify_all()
        if dropped:
            _log.warning("asynchronous events were dropped at stop: %d", dropped)

    def _pending(self) -> int:
        waiting = sum(len(queue) for queue in self._ready.values())
        return waiting + len(self._later) + sum(self._running.values())

    def _push(self, order: int, event: AsyncEvent) -> None:
        queue = self._ready.setdefault(event.function, deque())
        queue.append((order, event))
        if self._idle:
            self._changed.notify()
        if self._idle < len(queue) and self._threads < self._max_threads:
            self._threads += 1
            name = f"lambda-async-{self._threads}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _next(self) -> tuple[int, AsyncEvent] | None:
        """The event that has waited longest and may run; blocks until there is one."""
        while not self._closed:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                _, order, event = heapq.heappop(self._later)
                self._ready.setdefault(event.function, deque()).append((order, event))
            heads = [
                (queue[0][0], name)
                for name, queue in self._ready.items()
                if queue and self._running[name] < self._max_per_function
            ]
            if heads:
                name = min(heads)[1]
                self._running[name] += 1
                return self._ready[name].popleft()
            self._idle += 1
            self._changed.wait(self._later[0][0] - now if self._later else None)
            self._idle -= 1
        return None

    def _work(self) -> None:
        while True:
            with self._changed:
                found = self._next()
            if found is None:
                return
            order, event = found
            try:
                step = self._attempt(event)
            except FunctionNotFoundError:
                # It was deleted meanwhile: its events go with it.
                step = DONE
            except Exception:  # noqa: BLE001
                # The boundary of the thread: an accepted event is not lost by a defect here.
                _log.exception("an asynchronous invocation failed in the service itself")
                event.refusals += 1
                step = retry_after_refusal(event)
            with self._changed:
                self._running[event.function] -= 1
                if step.wait is not None and not self._closed:
                    real = step.wait * self._factor
                    event.skipped += step.wait - real
                    heapq.heappush(self._later, (time.monotonic() + real, order, event))
                # Waiting threads may wait too long, or for this function's turn.
                self._changed.notify_all()
