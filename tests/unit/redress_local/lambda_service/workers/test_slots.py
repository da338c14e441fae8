import threading
import time
from pathlib import Path

import pytest
from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers.slots import PoolExhaustedError, Slots
from redress_local.lambda_service.workers.supervisor import PoolClosedError


class StandIn:
    """A worker as far as slots know one."""

    def __init__(self) -> None:
        self.alive = True
        self.last_used = 0.0


def spec(name="f", **more):
    return FunctionSpec(name=name, arn=f"arn:::{name}", code=Path("/"), handler="h.h", **more)


def make(per_function=2, total=3, starting=9, enough=9, wait_seconds=0.2):
    return Slots(
        per_function=per_function,
        total=total,
        starting=starting,
        enough=enough,
        wait_seconds=wait_seconds,
    )


def grow(slots, one):
    grant, _ = slots.acquire(one)
    assert grant.worker is None
    slots.started()
    return grant, StandIn()


def test_the_last_used_is_used_first():
    slots = make()
    (grant, a), (_, b) = grow(slots, spec()), grow(slots, spec())
    for worker in (a, b):
        assert slots.release(grant.function, worker, 1.0)
    assert slots.acquire(spec())[0].worker is b
    assert slots.acquire(spec())[0].worker is a


def test_waits_in_the_order_of_coming():
    slots = make(per_function=1, wait_seconds=5)
    grant, worker = grow(slots, spec())
    order = []

    def wait(number):
        mine, _ = slots.acquire(spec())
        order.append(number)
        slots.release(mine.function, mine.worker, 1.0)

    threads = []
    for number in range(4):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(slots._waiting) <= number:
            time.sleep(0.001)
    slots.release(grant.function, worker, 1.0)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_gives_up_in_time_and_forgets_who_waited():
    slots = make(per_function=1)
    grow(slots, spec())
    with pytest.raises(PoolExhaustedError, match="f: no worker became free"):
        slots.acquire(spec())
    assert not slots._waiting


def test_a_full_pool_retires_the_longest_idle_of_others():
    slots = make(total=2)
    (first, a), (second, b) = grow(slots, spec("a")), grow(slots, spec("b"))
    slots.release(second.function, b, 1.0)
    slots.release(first.function, a, 1.0)
    grant, _ = slots.acquire(spec("c"))
    assert grant.retired == [b]
    assert slots.counts() == {"a": 1, "c": 1}


def test_a_full_and_busy_pool_makes_wait():
    slots = make(total=1)
    grow(slots, spec("a"))
    with pytest.raises(PoolExhaustedError):
        slots.acquire(spec("b"))


def test_no_more_start_at_once_than_may():
    slots = make(starting=1)
    _grant, _ = slots.acquire(spec("a"))
    with pytest.raises(PoolExhaustedError):
        slots.acquire(spec("b"))
    slots.started()
    assert slots.acquire(spec("b"))[0].worker is None
    assert slots.counts() == {"a": 1, "b": 1}


def test_a_dead_worker_is_not_kept():
    slots = make()
    grant, worker = grow(slots, spec())
    worker.alive = False
    assert not slots.release(grant.function, worker, 1.0)
    assert slots.counts() == {}


def test_another_configuration_makes_the_old_workers_stale():
    slots = make()
    (grant, idle), (_, busy) = grow(slots, spec()), grow(slots, spec())
    slots.release(grant.function, idle, 1.0)
    changed, stale = slots.acquire(spec(timeout=9))
    assert stale == [idle]
    assert changed.worker is None
    assert not slots.release(grant.function, busy, 1.0)
    assert slots.counts() == {"f": 1}


def test_discard_returns_the_idle():
    slots = make()
    grant, worker = grow(slots, spec())
    slots.release(grant.function, worker, 1.0)
    assert slots.discard("f") == [worker]
    assert slots.discard("f") == []
    assert slots.counts() == {}


def test_close_ends_waiting():
    slots = make(per_function=1, wait_seconds=30)
    grant, worker = grow(slots, spec())
    raised = []

    def wait():
        with pytest.raises(PoolClosedError):
            slots.acquire(spec())
        raised.append(1)

    thread = threading.Thread(target=wait)
    thread.start()
    while not slots._waiting:
        time.sleep(0.001)
    assert slots.close() == []
    thread.join(2)
    assert raised == [1]
    assert not slots.release(grant.function, worker, 1.0)
    with pytest.raises(PoolClosedError):
        slots.acquire(spec())


def test_with_enough_busy_ones_a_function_waits_rather_than_grows():
    slots = make(per_function=9, total=9, enough=2, wait_seconds=9)
    slow = spec("slow")
    first, worker = grow(slots, slow)
    first.function.seconds = 1.0
    grow(slots, spec("other"))
    release = threading.Timer(0.1, slots.release, (first.function, worker, 1.0))
    release.start()
    grant, _ = slots.acquire(slow)
    assert grant.worker is worker
    # A function without any worker gets one at once.
    grow(slots, spec("third"))
