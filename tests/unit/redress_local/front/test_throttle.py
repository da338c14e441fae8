"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st
from redress_local.front.models import Stage, Throttle
from redress_local.front.throttle import StageThrottle, TokenBucket


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_again() -> None:
    clock = Clock()
    bucket = TokenBucket(Throttle(rate=2, burst=3), clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now += 1000
    assert sum(bucket.take() for _ in range(10)) == 3


def test_a_clock_that_steps_back_gives_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(Throttle(rate=1, burst=1), clock)
    assert bucket.take()
    clock.now -= 50
    assert not bucket.take()


@given(st.floats(0, 100), st.integers(0, 20), st.lists(st.floats(0, 2), min_size=1, max_size=100))
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, waits: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(Throttle(rate=rate, burst=burst), clock)
    taken = 0
    for wait in waits:
        clock.now += wait
        taken += bucket.take()
        assert taken <= burst + rate * (clock.now - 100) + 1e-6


def test_each_route_has_a_bucket_of_its_own() -> None:
    stage = Stage(
        throttle=Throttle(rate=1, burst=1), route_throttles={"GET /b": Throttle(rate=1, burst=2)}
    )
    throttle = StageThrottle(stage, Clock())
    assert [throttle.take("GET /a") for _ in range(2)] == [True, False]
    assert [throttle.take("GET /b") for _ in range(3)] == [True, True, False]
    assert [throttle.take("GET /c") for _ in range(2)] == [True, False]


def test_without_a_limit_everything_passes() -> None:
    throttle = StageThrottle(Stage(), Clock())
    assert all(throttle.take("GET /a") for _ in range(100))
