"""The bus: rules, targets, retries, dead letters, crashes, archives, replays."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.events.bus import Delivery, EventBus
from redress_local.events.errors import (
    DeliveryError,
    DeliveryRefusedError,
    InvalidEventError,
    UnknownArchiveError,
    UnknownBusError,
    UnknownRuleError,
)
from redress_local.events.store import EventStore
from redress_local.template import Archive, Rule, Target, Template

START = 1_767_225_600.0


def target(name: str, **settings: Any) -> Target:
    fields = {
        "settings": {},
        "max_attempts": 2,
        "max_age": 3600,
        "dead_letter_arn": "arn:aws:sqs:us-east-1:000000000000:dlq",
    }
    return Target(target_id=name, arn=f"arn:{name}", **{**fields, **settings})


def rule(name: str, pattern: dict[str, Any], *targets: Target, **fields: Any) -> Rule:
    return Rule(
        name=name,
        arn=f"arn:rule/{name}",
        pattern=pattern,
        targets=targets or (target(f"{name}-target"),),
        **{"bus": "cases", "enabled": True, **fields},
    )


class World:
    """A bus with recorded targets, and a clock that the test moves."""

    def __init__(self, folder: Path, rules: list[Rule], retention: int = 10) -> None:
        self.template = Template(
            path=folder / "template.yaml",
            functions={},
            machines={},
            buses=("default", "cases"),
            rules=tuple(rules),
            archives=(
                Archive(
                    name="all",
                    bus="cases",
                    pattern={"source": ["shop"]},
                    retention_days=retention,
                ),
            ),
            queues={},
            tables=(),
        )
        self.folder = folder
        self.now = START
        self.sent: list[Delivery] = []
        self.fail: Callable[[Delivery], None] = lambda _: None
        self.ids = itertools.count()
        self.reopen()

    def reopen(self) -> None:
        self.store = SqliteStore(self.folder / "events.db", "NORMAL")
        self.bus = EventBus(
            self.template,
            EventStore(self.store),
            self.send,
            now=lambda: self.now,
            new_id=lambda: f"event-{next(self.ids)}",
        )

    def send(self, delivery: Delivery) -> None:
        self.fail(delivery)
        self.sent.append(delivery)

    def put(self, number: int = 1, **entry: Any) -> str:
        whole = {
            "EventBusName": "cases",
            "Source": "shop",
            "DetailType": "CaseOpened",
            "Detail": {"number": number},
            **entry,
        }
        return self.bus.put([whole])[0]

    def numbers(self) -> list[tuple[str, int]]:
        return [(sent.rule.name, sent.event["detail"]["number"]) for sent in self.sent]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(
        tmp_path,
        [
            rule("opened", {"detail-type": ["CaseOpened"]}),
            rule("big", {"detail": {"number": [{"numeric": [">", 5]}]}}),
            rule("off", {"source": ["shop"]}, enabled=False),
            rule("other-bus", {"source": ["shop"]}, bus="default"),
        ],
    )
    yield made
    made.store.close()


def unavailable(_: Delivery) -> None:
    raise DeliveryError("SDK_CLIENT_ERROR", "not now")


def test_only_matching_enabled_rules_of_the_bus_get_an_event(world: World) -> None:
    world.put(1)
    world.put(6)
    world.put(7, Source="elsewhere", DetailType="Other")
    assert world.numbers() == [("opened", 1), ("opened", 6), ("big", 6), ("big", 7)]
    assert world.bus.store.owed() == []


def test_the_envelope_is_eventbridges(world: World) -> None:
    world.put(1, Resources=["arn:x"], Detail='{"number": 1}')
    (sent,) = world.sent
    assert (
        sent.input
        == sent.event
        == {
            "version": "0",
            "id": "event-0",
            "detail-type": "CaseOpened",
            "source": "shop",
            "account": "000000000000",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:x"],
            "detail": {"number": 1},
        }
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"Detail": "not json"},
        {"Detail": [1]},
        {"Detail": None},
        {"Detail": "[1]"},
        {"Source": ""},
        {"Source": 3},
        {"DetailType": None},
        {"Detail": {"text": "x" * 300_000}},
        {"Detail": {"text": "\ud800"}},
    ],
)
def test_what_is_not_an_event_is_refused_whole(world: World, entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        world.put(1, **entry)
    assert world.sent == []
    assert world.bus.archives()[0]["events"] == 0


def test_one_bad_entry_refuses_the_batch(world: World) -> None:
    good = {"EventBusName": "cases", "Source": "shop", "DetailType": "CaseOpened", "Detail": {}}
    with pytest.raises(UnknownBusError, match="nowhere"):
        world.bus.put([good, {**good, "EventBusName": "nowhere"}])
    assert world.sent == []


def test_a_failed_delivery_is_retried_with_the_same_name(world: World) -> None:
    world.fail = unavailable
    world.put(1)
    assert world.sent == []
    assert world.bus.deliver_due() == 0
    world.fail = lambda _: None
    world.now += 1
    assert world.bus.deliver_due() == 1
    assert world.numbers() == [("opened", 1)]
    assert world.bus.store.next_due() is None


def test_after_the_last_attempt_the_queue_keeps_the_event(world: World) -> None:
    world.fail = unavailable
    world.put(1)
    for _ in range(5):
        world.now += 60
        world.bus.deliver_due()
    (letter,) = world.bus.store.dead_letters()
    assert (letter.code, letter.attempts, letter.rule) == ("SDK_CLIENT_ERROR", 3, "opened")
    assert letter.event["detail"] == {"number": 1}
    assert world.bus.store.owed() == []


def test_a_refusal_is_not_retried(world: World) -> None:
    def refuse(_: Delivery) -> None:
        raise DeliveryRefusedError("NO_RESOURCE", "gone")

    world.fail = refuse
    world.put(1)
    (letter,) = world.bus.store.dead_letters()
    assert letter.attempts == 1


def test_an_event_too_old_is_given_up(world: World) -> None:
    world.fail = unavailable
    world.put(1)
    world.now += 3601
    world.bus.deliver_due()
    assert len(world.bus.store.dead_letters()) == 1


def test_without_a_queue_the_event_is_dropped(tmp_path: Path) -> None:
    lossy = target("t", max_attempts=0, dead_letter_arn=None)
    world = World(tmp_path, [rule("opened", {"source": ["shop"]}, lossy)])
    world.fail = unavailable
    world.put(1)
    assert world.bus.store.owed() == []
    assert world.bus.store.dead_letters() == []


def test_redrive_delivers_dead_letters_once(world: World) -> None:
    world.fail = unavailable
    world.put(1)
    for _ in range(3):
        world.now += 60
        world.bus.deliver_due()
    world.fail = lambda _: None
    assert world.bus.redrive() == 1
    assert world.numbers() == [("opened", 1)]
    assert world.bus.store.dead_letters() == []
    assert world.bus.redrive() == 0


def test_exactly_the_undelivered_pairs_are_delivered_after_a_crash(world: World) -> None:
    def crash(delivery: Delivery) -> None:
        if delivery.rule.name == "big":
            raise KeyboardInterrupt

    world.fail = crash
    with pytest.raises(KeyboardInterrupt):
        world.put(6)
    world.store.close()
    assert world.numbers() == [("opened", 6)]

    world.fail = lambda _: None
    world.reopen()
    world.bus.deliver_due()
    assert world.numbers() == [("opened", 6), ("big", 6)]
    world.bus.deliver_due()
    assert len(world.sent) == 2


def test_a_redelivery_after_a_crash_has_the_same_name(world: World) -> None:
    names = []

    def crash_after_sending(delivery: Delivery) -> None:
        names.append(delivery.name)
        if len(names) == 1:
            raise KeyboardInterrupt

    world.fail = crash_after_sending
    with pytest.raises(KeyboardInterrupt):
        world.put(1)
    world.store.close()
    world.reopen()
    world.bus.deliver_due()
    assert names[0] == names[1]


def test_an_end_is_told_once(world: World) -> None:
    entry = {"EventBusName": "cases", "Source": "shop", "DetailType": "CaseOpened",
             "Detail": {"number": 1}}  # fmt: skip
    world.bus.put([entry], announces="arn:execution")
    world.bus.put([entry], announces="arn:execution")
    assert len(world.sent) == 1


def test_the_archive_keeps_what_its_pattern_matches(world: World) -> None:
    world.put(1)
    world.put(2, Source="elsewhere")
    world.put(3, EventBusName="default")
    (archive,) = world.bus.archives()
    assert archive["events"] == 1
    assert archive["first"] == "2026-01-01T00:00:00Z"


def test_the_archive_forgets_after_its_retention(world: World) -> None:
    world.put(1)
    world.now += 11 * 86_400
    world.put(2)
    assert world.bus.archives()[0]["events"] == 1


def test_a_replay_has_new_names_and_is_not_archived_again(world: World) -> None:
    world.put(1)
    world.bus.replay("all", "r1")
    first, second = world.sent
    assert second.event == {**first.event, "replay-name": "r1"}
    assert first.name != second.name
    assert world.bus.archives()[0]["events"] == 1
    with pytest.raises(InvalidEventError, match="r1"):
        world.bus.replay("all", "r1")
    world.bus.replay("all", "r2")
    assert len({sent.name for sent in world.sent}) == 3


def test_a_replay_has_a_window_and_a_rule_filter(world: World) -> None:
    for number in range(4, 9):
        world.put(number)
        world.now += 10
    world.sent.clear()
    plan = world.bus.replay("all", "r", since=START + 10, until=START + 40, rules=["big"])
    assert [(event["detail"]["number"], rules) for event, rules in plan] == [
        (5, []),
        (6, ["big"]),
        (7, ["big"]),
    ]
    assert world.numbers() == [("big", 6), ("big", 7)]


def test_a_dry_run_changes_nothing(world: World) -> None:
    world.put(6)
    world.sent.clear()
    plan = world.bus.replay("all", "r", dry_run=True)
    assert [rules for _, rules in plan] == [["big", "opened"]]
    assert world.sent == []
    assert world.bus.store.replays() == []


def test_unknown_archives_and_rules_are_named(world: World) -> None:
    with pytest.raises(UnknownArchiveError, match="nope"):
        world.bus.replay("nope", "r")
    with pytest.raises(UnknownRuleError, match="nope"):
        world.bus.replay("all", "r", rules=["nope"])
