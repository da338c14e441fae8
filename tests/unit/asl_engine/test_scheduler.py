"""Timers and threads of the schedulers."""

from __future__ import annotations

import threading
import time

from asl_engine import SystemClock, VirtualClock
from asl_engine.scheduler import InlineScheduler, ThreadScheduler


def test_inline_timers_run_in_order_and_move_the_clock() -> None:
    clock = VirtualClock(0.0)
    scheduler = InlineScheduler(clock)
    ran: list[str] = []
    scheduler.call_later(5, lambda: ran.append("b"))
    scheduler.call_later(1, lambda: ran.append("a"))
    scheduler.call_later(5, lambda: ran.append("c"))
    cancelled = scheduler.call_later(2, lambda: ran.append("never"))
    scheduler.cancel(cancelled)
    scheduler.cancel(cancelled)
    scheduler.submit(lambda: ran.append("first"))
    assert not scheduler.run_until(lambda: len(ran) == 9, lambda _: True, None)
    assert ran == ["first", "a", "b", "c"]
    assert clock.now() == 5


def test_inline_waiting_ends_at_the_timeout() -> None:
    clock = VirtualClock(0.0)
    scheduler = InlineScheduler(clock)
    scheduler.call_later(5, lambda: None)
    assert not scheduler.run_until(lambda: False, lambda _: True, 3)
    assert clock.now() == 0


def test_cancelled_timers_do_not_pile_up() -> None:
    scheduler = InlineScheduler(VirtualClock())
    keep = scheduler.call_later(1, lambda: None)
    for _ in range(10_000):
        scheduler.cancel(scheduler.call_later(3600, lambda: None))
    assert len(scheduler._timers._heap) < 200
    assert keep in scheduler._timers._heap


def test_threads_run_timers_in_time_and_no_more_than_allowed() -> None:
    scheduler = ThreadScheduler(SystemClock(), 2)
    done, running, most = threading.Event(), [0], [0]
    lock = threading.Lock()
    started = time.monotonic()
    fired: list[float] = []

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    for _ in range(20):
        scheduler.submit(work)
    scheduler.call_later(60, lambda: None)
    scheduler.call_later(0.15, lambda: (fired.append(time.monotonic()), done.set()))
    assert done.wait(5)
    assert fired[0] - started >= 0.15
    assert most[0] == 2
    scheduler.close()
    scheduler.submit(work)
    assert running[0] == 0


def test_work_that_fails_does_not_take_its_thread(caplog: object) -> None:
    scheduler = ThreadScheduler(SystemClock(), 1)
    done = threading.Event()

    def fails() -> None:
        raise ValueError("fault")

    scheduler.submit(fails)
    scheduler.submit(done.set)
    assert done.wait(5)
    scheduler.close()
