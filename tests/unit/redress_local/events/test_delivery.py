"""Attempts, pauses, dead letters, forwarding between buses, and delivery by many threads."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.events import delivery as delivery_module
from redress_local.events.bus import Delivery, EventBus
from redress_local.events.errors import DeliveryError, DeliveryRefusedError
from redress_local.events.models import Target, bus_arn
from redress_local.events.store import EventStore

START = 1_767_225_600.0
DLQ = "arn:aws:sqs:us-east-1:000000000000:dlq"
PATTERN = {"source": ["shop"]}


class Queues:
    """Dead-letter queues that keep what they get."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Any, dict[str, str]]] = []
        self.broken = False

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> None:
        if self.broken:
            raise ConnectionError("no queue")
        self.letters.append((queue_arn, json.loads(body), attributes))


class World:
    """A bus in memory, inline unless there are workers, and a clock that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.queues = Queues()
        self.sent: list[Delivery] = []
        self.fail: Callable[[Delivery], None] = lambda _: None
        self.store = EventStore(SqliteStore(":memory:", "NORMAL"))
        self.bus = EventBus(
            None, self.store, self.send, now=lambda: self.now, queues=self.queues, **settings
        )

    def send(self, delivery: Delivery) -> None:
        self.fail(delivery)
        self.sent.append(delivery)

    def rule(self, name: str = "r", bus: str = "default", **target: Any) -> None:
        self.bus.rules.put_rule(name, bus=bus, pattern=PATTERN)
        fields = {"target_id": "t", "arn": "arn:t", "dead_letter_arn": DLQ, **target}
        self.bus.rules.put_targets(name, [Target(**fields)], bus)

    def put(self, bus: str = "default") -> str:
        entry = {"Source": "shop", "DetailType": "x", "Detail": {}, "EventBusName": bus}
        return self.bus.put([entry])[0]

    def unavailable(self, _: Delivery) -> None:
        raise DeliveryError("THROTTLING", "not now")

    def go_on(self, seconds: float) -> int:
        self.now += seconds
        return self.bus.deliver_due()


def test_pauses_double_up_to_a_minute() -> None:
    world = World()
    world.rule()
    world.fail = world.unavailable
    world.put()
    pauses = []
    for _ in range(9):
        due = world.store.next_due()
        assert due is not None
        pauses.append(due - world.now)
        world.now = due
        world.bus.deliver_due()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(chance=st.floats(0, 1))
def test_jitter_shortens_a_pause_by_up_to_half(chance: float) -> None:
    world = World(chance=lambda: chance)
    world.rule()
    world.fail = world.unavailable
    world.put()
    due = world.store.next_due()
    assert due is not None
    assert START + 0.5 <= due <= START + 1
    assert due == pytest.approx(START + (1 + chance) / 2)


def test_attempts_run_out() -> None:
    world = World()
    world.rule(max_attempts=1)
    world.fail = world.unavailable
    event = world.put()
    assert world.queues.letters == []
    world.go_on(1)
    ((queue, body, attributes),) = world.queues.letters
    assert (queue, body["id"]) == (DLQ, event)
    assert attributes == {
        "RULE_ARN": "arn:aws:events:us-east-1:000000000000:rule/r",
        "TARGET_ARN": "arn:t",
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "not now",
        "RETRY_ATTEMPTS": "1",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert world.store.owed() == []
    assert world.store.dead_letters() == []


def test_age_runs_out() -> None:
    world = World()
    world.rule(max_age=60)
    world.fail = world.unavailable
    world.put()
    world.go_on(60)
    ((_, _, attributes),) = world.queues.letters
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


def test_a_refusal_goes_to_the_queue_without_a_retry() -> None:
    def refuse(_: Delivery) -> None:
        raise DeliveryRefusedError("NO_PERMISSIONS", "no\0 \N{SNOWMAN}")

    world = World()
    world.rule()
    world.fail = refuse
    world.put()
    ((_, _, attributes),) = world.queues.letters
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert attributes["ERROR_MESSAGE"] == "no? \N{SNOWMAN}"
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes


def test_what_the_queue_does_not_take_stays_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.rule(max_attempts=0)
    world.fail = world.unavailable
    world.queues.broken = True
    with caplog.at_level(logging.ERROR):
        event = world.put()
    assert "dead-letter queue did not take an event" in caplog.text
    (letter,) = world.store.dead_letters()
    assert (letter.event["id"], letter.queue, letter.code) == (event, DLQ, "THROTTLING")
    world.fail = lambda _: None
    assert world.bus.redrive() == 1
    assert [sent.event["id"] for sent in world.sent] == [event]


def test_a_forwarded_event_keeps_its_id_and_meets_each_bus_once() -> None:
    world = World()
    for name in ("a", "b"):
        world.bus.rules.create_bus(name)
    world.rule("r", "a", arn=bus_arn("b"))
    world.bus.rules.put_targets("r", [Target(target_id="u", arn="arn:u")], "a")
    world.rule("r", "b", target_id="u", arn="arn:u")
    world.bus.rules.put_targets(
        "r", [Target(target_id="back", arn=bus_arn("a"), dead_letter_arn=DLQ)], "b"
    )
    event = world.put("a")
    assert [(sent.rule.bus, sent.event["id"]) for sent in world.sent] == [
        ("b", event),
        ("a", event),
    ]
    assert len({sent.name for sent in world.sent}) == 2, (
        "two rules of one name start two executions"
    )
    ((_, _, attributes),) = world.queues.letters
    assert attributes["ERROR_CODE"] == "RESOURCE_LIMIT_EXCEEDED"
    assert "a > b" in attributes["ERROR_MESSAGE"]


def test_a_bus_that_is_gone_is_no_resource() -> None:
    world = World()
    world.rule(arn=bus_arn("gone"))
    world.put()
    assert world.queues.letters[0][2]["ERROR_CODE"] == "NO_RESOURCE"


def test_workers_deliver_at_the_same_time() -> None:
    together = threading.Barrier(4)

    def meet(_: Delivery) -> None:
        together.wait(5)

    world = World(workers=4)
    world.fail = meet
    world.rule()
    for _ in range(4):
        world.put()
    assert world.bus.delivery.wait_idle(5)
    assert len(world.sent) == 4
    world.bus.close()


def test_a_backlog_stays_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "_MAX_IN_FLIGHT", 10)
    gate = threading.Event()

    def hold(_: Delivery) -> None:
        gate.wait(5)

    world = World(workers=2)
    world.fail = hold
    world.rule()
    events = {world.put() for _ in range(95)}
    assert len(world.store.owed()) == 95
    assert not world.bus.delivery.wait_idle(0.01, at_most=9), "the workers hold as many as fit"
    assert world.bus.delivery.wait_idle(0.01, at_most=10)
    gate.set()
    deadline = threading.Event()
    for _ in range(500):
        if len(world.sent) == 95:
            break
        deadline.wait(0.01)
    assert Counter(sent.event["id"] for sent in world.sent) == Counter(events)
    world.bus.close()


def test_closing_leaves_the_rest_to_the_next_process() -> None:
    first, begun = threading.Event(), threading.Event()

    def slow(_: Delivery) -> None:
        begun.set()
        first.wait(5)

    world = World(workers=1)
    world.fail = slow
    world.rule()
    for _ in range(3):
        world.put()
    begun.wait(5)
    closing = threading.Thread(target=world.bus.close)
    closing.start()
    first.set()
    closing.join(5)
    left = [owed.envelope["id"] for owed in world.store.owed()]
    assert len(world.sent) + len(left) == 3
    assert not {sent.event["id"] for sent in world.sent} & set(left)
    alive = {thread.name for thread in threading.enumerate()}
    assert "events-due" not in alive


def test_a_broken_target_does_not_kill_its_worker(caplog: pytest.LogCaptureFixture) -> None:
    def broken(delivery: Delivery) -> None:
        if not caplog.records:
            raise ZeroDivisionError

    world = World(workers=1)
    world.fail = broken
    world.rule()
    world.put()
    assert world.bus.delivery.wait_idle(5)
    assert "target broke" in caplog.text
    assert len(world.store.owed()) == 1
    second = world.put()
    assert world.bus.delivery.wait_idle(5)
    assert [sent.event["id"] for sent in world.sent] == [second]
    world.bus.close()


def test_workers_go_on_with_what_falls_due_after_a_restart(tmp_path: Path) -> None:
    arrived = threading.Event()
    sqlite = SqliteStore(tmp_path / "events.db", "NORMAL")

    def bus_of(send: Callable[[Delivery], None], workers: int) -> EventBus:
        bus = EventBus(None, EventStore(sqlite), send, now=time.time, workers=workers)
        bus.rules.put_rule("r", pattern=PATTERN)
        bus.rules.put_targets("r", [Target(target_id="t", arn="arn:t")])
        return bus

    def busy(_: Delivery) -> None:
        raise DeliveryError("THROTTLING", "not now")

    bus_of(busy, 0).put([{"Source": "shop", "DetailType": "x", "Detail": {}}])
    sqlite.execute("update deliveries set next_at = ?", (time.time() + 0.05,))
    bus = bus_of(lambda _: arrived.set(), 1)
    assert bus.deliver_due() == 0
    assert arrived.wait(5)
    bus.close()
    assert bus.store.owed() == []
    sqlite.close()


class Killed(BaseException):
    """The process dies here."""


outcomes = st.lists(
    st.sampled_from(["take", "take", "fail", "refuse", "die before", "die after"]), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(
    outcomes=outcomes,
    events=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6),
    rules=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
)
def test_every_event_reaches_each_target_or_its_queue(
    tmp_path_factory: pytest.TempPathFactory,
    outcomes: list[str],
    events: list[str],
    rules: list[tuple[str, bool, int]],
) -> None:
    """Whatever targets do and wherever the process dies."""
    path = tmp_path_factory.mktemp("bus") / "events.db"
    script = iter(outcomes)
    taken: set[tuple[str, str]] = set()
    queues = Queues()
    clock = [START]

    def send(delivery: Delivery) -> None:
        pair = (delivery.rule.name, delivery.event["id"])
        match next(script, "take"):
            case "fail":
                raise DeliveryError("THROTTLING", "not now")
            case "refuse":
                raise DeliveryRefusedError("NO_RESOURCE", "gone")
            case "die before":
                raise Killed
            case "die after":
                taken.add(pair)
                raise Killed
        taken.add(pair)

    def reopen() -> tuple[SqliteStore, EventBus]:
        store = SqliteStore(path, "NORMAL")
        bus = EventBus(None, EventStore(store), send, now=lambda: clock[0], queues=queues)
        for number, (source, enabled, retries) in enumerate(rules):
            name = f"r{number}"
            bus.rules.put_rule(name, pattern={"source": [source]}, enabled=enabled)
            target = Target(target_id="t", arn="arn:t", dead_letter_arn=DLQ, max_attempts=retries)
            bus.rules.put_targets(name, [target])
        return store, bus

    store, bus = reopen()
    expected: set[tuple[str, str]] = set()
    for number, source in enumerate(events):
        entry = {"Source": source, "DetailType": "x", "Detail": {}}
        try:
            bus.put([entry], ids=[f"e{number}"])
        except Killed:
            store.close()
            store, bus = reopen()
        # It was accepted: what kills comes after the event is written.
        expected |= {
            (f"r{rule}", f"e{number}")
            for rule, (wanted, enabled, _) in enumerate(rules)
            if enabled and wanted == source
        }
    for _ in range(100):
        if not bus.store.owed():
            break
        clock[0] += 60
        try:
            bus.deliver_due()
        except Killed:
            store.close()
            store, bus = reopen()
    assert bus.store.owed() == []
    dead = {
        (letter[2]["RULE_ARN"].rpartition("/")[2], letter[1]["id"]) for letter in queues.letters
    }
    assert taken | dead == expected
    store.close()


def test_a_store_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "events.db", "NORMAL")
    for statement in (
        "create table events (key integer primary key, envelope blob not null)",
        (
            "create table deliveries (key integer primary key, event integer not null,"
            " rule text not null, target text not null, attempts integer not null,"
            " next_at real not null, give_up_at real not null)"
        ),
        (
            "create table archived (archive text not null, id text not null, at real not null,"
            " envelope blob not null, primary key (archive, id)) without rowid"
        ),
        (
            "create table replays (name text primary key, archive text not null,"
            " settings text not null, events integer not null, at real not null)"
        ),
        (
            """insert into replays values ('old', 'a', '{"from": null, "to": null, "rules": []}',"""
            " 2, 5)"
        ),
        (
            """insert into archived values"""
            """ ('a', 'e', 7, '{"id": "e", "time": "1970-01-01T00:00:01Z"}')"""
        ),
        """insert into events values (1, '{"id": "e", "time": "1970-01-01T00:00:01Z"}')""",
        "insert into deliveries values (1, 1, 'r', 't', 0, 0, 9e12)",
    ):
        store.execute(statement)
    sent: list[Delivery] = []
    bus = EventBus(None, EventStore(store), sent.append, now=lambda: START)
    bus.rules.create_bus("cases")
    bus.rules.put_rule("r", bus="cases", pattern=PATTERN)
    bus.rules.put_targets("r", [Target(target_id="t", arn="arn:t")], "cases")
    assert bus.deliver_due() == 1
    assert [one.event["id"] for one in sent] == ["e"]
    (replay,) = bus.replays.all()
    assert (replay.name, replay.state, replay.events) == ("old", "COMPLETED", 2)
    rows = store.execute("select event_at from archived")
    assert [row[0] for row in rows] == [1.0]
    store.close()


def test_many_putters_and_targets_that_fail_at_times() -> None:
    failed: set[str] = set()
    world = World(workers=8, chance=lambda: 0.0)
    world.rule()
    started = time.monotonic()

    def sometimes(delivery: Delivery) -> None:
        name = delivery.name
        if name.encode()[0] % 3 == 0 and name not in failed:
            failed.add(name)
            world.now = START + 60
            raise DeliveryError("THROTTLING", "not now")

    world.fail = sometimes
    accepted: list[str] = []
    putters = [
        threading.Thread(target=lambda: accepted.extend(world.put() for _ in range(40)))
        for _ in range(4)
    ]
    for putter in putters:
        putter.start()
    for putter in putters:
        putter.join()
    pause = threading.Event()
    while world.store.owed() and time.monotonic() < started + 10:
        world.now += 60
        world.bus.deliver_due()
        pause.wait(0.01)
    world.bus.close()
    assert failed
    assert Counter(sent.event["id"] for sent in world.sent) == Counter(accepted)
    assert len(set(accepted)) == 160


def test_what_was_delivered_since_it_was_read_is_not_delivered_again() -> None:
    world = World(workers=1)
    world.rule()
    gate = threading.Event()
    world.fail = lambda _: gate.wait(5) and None
    world.put()
    (stale,) = world.store.owed()
    gate.set()
    assert world.bus.delivery.wait_idle(5)
    assert world.bus.delivery.deliver([stale]) == 1
    assert world.bus.delivery.wait_idle(5)
    assert len(world.sent) == 1
    world.bus.close()
