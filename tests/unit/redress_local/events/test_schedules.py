"""Schedule expressions: AWS's documented examples, cronsim as an oracle, and the runner."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.events.bus import Delivery, EventBus
from redress_local.events.errors import InvalidScheduleError
from redress_local.events.models import Target
from redress_local.events.schedule_runner import ScheduleRunner
from redress_local.events.schedules import parse_schedule
from redress_local.events.store import EventStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def fires(text: str, count: int = 3, start: datetime = START) -> list[str]:
    schedule = parse_schedule(text)
    found: list[str] = []
    last = start.timestamp()
    for _ in range(count):
        due = schedule(start.timestamp(), last)
        if due is None:
            break
        last = due
        found.append(datetime.fromtimestamp(due, UTC).strftime("%a %Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 10 * * ? *)", ["Thu 2026-01-01 10:00", "Fri 2026-01-02 10:00"]),
        ("cron(15 12 * * ? *)", ["Thu 2026-01-01 12:15", "Fri 2026-01-02 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["Thu 2026-01-01 18:00", "Fri 2026-01-02 18:00"]),
        ("cron(0 8 1 * ? *)", ["Thu 2026-01-01 08:00", "Sun 2026-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["Thu 2026-01-01 00:15", "Thu 2026-01-01 00:30"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["Thu 2026-01-01 08:00", "Thu 2026-01-01 08:05"]),
        ("cron(0 9 ? * 2#1 *)", ["Mon 2026-01-05 09:00", "Mon 2026-02-02 09:00"]),
        ("cron(0 9 ? * 5L *)", ["Thu 2026-01-29 09:00", "Thu 2026-02-26 09:00"]),
        ("cron(0 9 ? * L *)", ["Sat 2026-01-03 09:00", "Sat 2026-01-10 09:00"]),
        ("cron(0 9 L * ? *)", ["Sat 2026-01-31 09:00", "Sat 2026-02-28 09:00"]),
        ("cron(0 9 LW * ? *)", ["Fri 2026-01-30 09:00", "Fri 2026-02-27 09:00"]),
        ("cron(0 9 3W * ? *)", ["Fri 2026-01-02 09:00", "Tue 2026-02-03 09:00"]),
        ("cron(0 9 1W 2 ? *)", ["Mon 2026-02-02 09:00", "Mon 2027-02-01 09:00"]),
        ("cron(0 9 31W * ? *)", ["Fri 2026-01-30 09:00", "Tue 2026-03-31 09:00"]),
        ("cron(0 0 29 2 ? *)", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("cron(30 6 1,15 JAN,JUL ? 2026-2027)", ["Thu 2026-01-01 06:30", "Thu 2026-01-15 06:30"]),
        ("cron(0 0 1 1 ? 2025)", []),
        ("rate(1 minute)", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:02"]),
        ("rate(12 hours)", ["Thu 2026-01-01 12:00", "Fri 2026-01-02 00:00"]),
        ("rate(1 day)", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00"]),
    ],
)
def test_documented_schedules(text: str, expected: list[str]) -> None:
    assert fires(text, 2) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 seconds)",
        "rate(-5 minutes)",
        "cron(* * * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * FRI-MON *)",
        "cron(0 10 ? * 2#6 *)",
        "cron(0/0 10 * * ? *)",
        "cron(0 10 X * ? *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? *) ",
    ],
)
def test_what_eventbridge_refuses_is_refused(text: str) -> None:
    with pytest.raises(InvalidScheduleError):
        parse_schedule(text)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    # Of two values or more: cronsim reads 1-1/2 as 1/2.
    pairs = st.lists(numbers, min_size=2, max_size=2, unique=True)
    spans = pairs.map(lambda pair: "-".join(map(str, sorted(pair))))
    steps = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 9)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    one = st.one_of(numbers.map(str), spans, steps)
    return st.one_of(st.just("*"), st.lists(one, min_size=1, max_size=3).map(",".join))


@settings(max_examples=80, deadline=None)
@given(
    minute=field(0, 59),
    hour=field(0, 23),
    day=field(1, 28),
    month=field(1, 12),
    start=st.integers(0, 7300).map(lambda days: START + timedelta(days=days, hours=days % 24)),
)
def test_agrees_with_cronsim(minute: str, hour: str, day: str, month: str, start: datetime) -> None:
    oracle = CronSim(f"{minute} {hour} {day} {month} *", start)
    expected = [next(oracle).strftime("%a %Y-%m-%d %H:%M") for _ in range(3)]
    assert fires(f"cron({minute} {hour} {day} {month} ? *)", 3, start) == expected


class World:
    def __init__(self) -> None:
        self.now = START.timestamp()
        self.sent: list[Delivery] = []
        self.arrived = threading.Event()
        store = EventStore(SqliteStore(":memory:", "NORMAL"))
        self.bus = EventBus(None, store, self.send, now=lambda: self.now)
        self.runner = ScheduleRunner(self.bus, now=lambda: self.now)

    def send(self, delivery: Delivery) -> None:
        self.sent.append(delivery)
        self.arrived.set()

    def rule(self, name: str, schedule: str, **fields: Any) -> None:
        self.bus.rules.put_rule(name, schedule=schedule, **fields)
        self.bus.rules.put_targets(name, [Target(target_id="t", arn="arn:t")])

    def after(self, **time: int) -> list[str]:
        self.now += timedelta(**time).total_seconds()
        self.sent.clear()
        self.runner.fire_due()
        return [sent.rule.name for sent in self.sent]


def test_rules_fire_when_their_time_has_come() -> None:
    world = World()
    world.rule("five", "rate(5 minutes)")
    world.rule("hourly", "cron(0 * * * ? *)")
    world.rule("off", "rate(1 minute)", enabled=False)
    assert world.after(minutes=4) == []
    assert world.after(minutes=1) == ["five"]
    assert world.after(minutes=0) == []
    event = world.bus.store
    assert event.owed() == []
    assert world.after(minutes=55) == ["five", "hourly"], "once, however many times passed"
    assert world.after(minutes=4) == []
    world.bus.rules.set_enabled("off", enabled=True)
    world.bus.rules.set_enabled("five", enabled=False)
    assert world.after(minutes=1) == ["off"]


def test_the_event_is_eventbridges() -> None:
    world = World()
    world.rule("five", "rate(5 minutes)")
    world.bus.rules.put_rule("watch", pattern={"source": ["aws.events"]})
    assert world.after(minutes=7) == ["five"]
    arn = "arn:aws:events:us-east-1:000000000000:rule/five"
    event = {**world.sent[0].input}
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-01-01T00:05:00Z",
        "region": "us-east-1",
        "resources": [arn],
        "detail": {},
    }


def test_the_thread_fires_what_is_put_later_and_stops_at_once() -> None:
    world = World()
    world.runner.start()
    world.now += 600
    world.rule("one", "rate(1 minute)")
    assert not world.arrived.is_set()
    world.now += 60
    world.bus.rules.put_rule("other", pattern={"source": ["x"]})
    assert world.arrived.wait(5)
    before = threading.active_count()
    world.runner.stop()
    assert threading.active_count() == before - 1
