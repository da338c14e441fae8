"""The contract of a `Clock`."""

from datetime import UTC, datetime, timedelta

import pytest
from redress.ports import Clock
from redress.runtime import SystemClock
from redress_local.embedded.runtime import LocalClock


@pytest.fixture(
    params=[SystemClock(), LocalClock(lambda: datetime.now(UTC).timestamp())],
    ids=["system (also in AWS)", "local cloud"],
)
def clock(request: pytest.FixtureRequest) -> Clock:
    found: Clock = request.param
    return found


def test_instants_are_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_it_tells_the_time_and_never_goes_back(clock: Clock) -> None:
    before = datetime.now(UTC)
    told = [clock.now() for _ in range(100)]
    after = datetime.now(UTC)
    assert told == sorted(told)
    # A timestamp as a float is exact to a microsecond.
    margin = timedelta(microseconds=2)
    assert before - margin <= told[0]
    assert told[-1] <= after + margin


def test_local_time_is_the_engine_s() -> None:
    assert LocalClock(lambda: 86_400.5).now() == datetime(1970, 1, 2, 0, 0, 0, 500_000, UTC)
