"""Who runs the work and when: a pool of threads with a timer, or the caller's own thread."""

from __future__ import annotations

import atexit
import heapq
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from asl_engine.clock import Clock

Work = Callable[[], object]

_log = logging.getLogger(__name__)
_COMPACT_ABOVE = 64
_CLOSE_SECONDS = 1.0


class Timer:
    """Work that is due at a time, unless it is cancelled first."""

    __slots__ = ("due", "order", "work")

    def __init__(self, due: float, order: int, work: Work | None) -> None:
        self.due = due
        self.order = order
        self.work = work

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.order) < (other.due, other.order)


class _TimerHeap:
    """Timers by due time; cancelled ones are dropped lazily, but never more than are alive."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._order = itertools.count()
        self._cancelled = 0

    def push(self, due: float, work: Work) -> Timer:
        timer = Timer(due, next(self._order), work)
        heapq.heappush(self._heap, timer)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Do not run it, if it has not been run."""
        if timer.work is None:
            return
        timer.work = None
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry.work is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next_due(self) -> float | None:
        while self._heap and self._heap[0].work is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].due if self._heap else None

    def pop(self) -> Work:
        timer = heapq.heappop(self._heap)
        work, timer.work = timer.work, None
        assert work is not None
        return work


class Scheduler(Protocol):
    """Runs work soon, or at a time."""

    concurrent: bool
    """Whether submitted work runs beside the caller's."""

    def submit(self, work: Work) -> None:
        """Run the work soon."""

    def call_later(self, seconds: float, work: Work) -> Timer:
        """Run the work after that many seconds."""

    def cancel(self, timer: Timer) -> None:
        """Do not run it, if it has not been run."""

    def run_until(
        self, done: Callable[[], bool], wait: Callable[[float | None], bool], timeout: float | None
    ) -> bool:
        """Block until `done()`; False when the time is over or nothing can make it true."""

    def close(self) -> None:
        """Take no more work."""


class InlineScheduler:
    """Runs everything in the thread that waits: one thing at a time, in a fixed order.

    Nothing happens between calls of `run_until`. Time passes by `clock.sleep`, so that with a
    virtual clock every wait is instant.
    """

    concurrent = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[Work] = deque()
        self._timers = _TimerHeap()

    def submit(self, work: Work) -> None:
        """Run the work soon."""
        self._ready.append(work)

    def call_later(self, seconds: float, work: Work) -> Timer:
        """Run the work after that many seconds."""
        return self._timers.push(self._clock.monotonic() + seconds, work)

    def cancel(self, timer: Timer) -> None:
        """Do not run it, if it has not been run."""
        self._timers.cancel(timer)

    def run_until(
        self,
        done: Callable[[], bool],
        wait: Callable[[float | None], bool],  # noqa: ARG002 - nothing else runs to wait for
        timeout: float | None,
    ) -> bool:
        """Block until `done()`."""
        end = None if timeout is None else self._clock.monotonic() + timeout
        while not done():
            if self._ready:
                self._ready.popleft()()
                continue
            due = self._timers.next_due()
            if due is None or (end is not None and due > end):
                return False
            pause = due - self._clock.monotonic()
            if pause > 0:
                self._clock.sleep(pause)
            self._timers.pop()()
        return True

    def close(self) -> None:
        """Release the file."""
        self._ready.clear()


class ThreadScheduler:
    """A bounded pool of daemon threads, started as they are needed, and one timer thread.

    Daemon threads, because a host's callable that never returns must not keep the process.
    """

    concurrent = True

    def __init__(self, clock: Clock, max_workers: int) -> None:
        self._clock = clock
        self._max_workers = max_workers
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._timers = _TimerHeap()
        self._timer_wake = threading.Condition()
        self._timer_thread: threading.Thread | None = None
        self._planned = 0.0
        self._closed = False
        # Before the interpreter goes down: threads that it finds asleep cannot clean up.
        atexit.register(self.close)

    def submit(self, work: Work) -> None:
        """Run the work soon."""
        with self._lock:
            if self._closed:
                return
            self._queue.put(work)
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self._max_workers:
                name = f"asl-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while True:
            work = self._queue.get()
            if work is None:
                return
            try:
                work()
            except Exception:  # noqa: BLE001 - see below
                # The last resort of a pool thread: a fault of the engine or of a listener is
                # logged, and must not take the thread from all the other executions.
                _log.exception("work of the engine failed")
            with self._lock:
                if self._queue.empty():
                    self._idle += 1

    def call_later(self, seconds: float, work: Work) -> Timer:
        """Run the work after that many seconds."""
        with self._timer_wake:
            timer = self._timers.push(self._clock.monotonic() + seconds, work)
            if self._timer_thread is None:
                self._planned = timer.due
                self._timer_thread = threading.Thread(
                    target=self._run_timers, name="asl-timer", daemon=True
                )
                self._timer_thread.start()
            elif timer.due < self._planned:
                self._timer_wake.notify()
        return timer

    def cancel(self, timer: Timer) -> None:
        """Do not run it, if it has not been run."""
        with self._timer_wake:
            self._timers.cancel(timer)

    def _run_timers(self) -> None:
        with self._timer_wake:
            while not self._closed:
                due = self._timers.next_due()
                now = self._clock.monotonic()
                if due is not None and due <= now:
                    self.submit(self._timers.pop())
                    continue
                # Sleeping on past cancelled timers: waking for each new one would cost every
                # task with a timeout a switch of threads.
                self._planned = now + 3600.0 if due is None else due
                self._timer_wake.wait(self._planned - now)

    def run_until(
        self,
        done: Callable[[], bool],
        wait: Callable[[float | None], bool],
        timeout: float | None,
    ) -> bool:
        """Block until `done()`."""
        return done() or wait(timeout)

    def close(self) -> None:
        """Release the file."""
        atexit.unregister(self.close)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = [t for t in self._threads if t is not threading.current_thread()]
            for _ in self._threads:
                self._queue.put(None)
        with self._timer_wake:
            self._timer_wake.notify()
        # Idle threads end at once. One that is in a host's callable may never: it is left alone.
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
