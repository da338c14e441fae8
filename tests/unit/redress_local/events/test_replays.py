"""Replays in the background: windows, filters, states, cancelling, and going on after a crash."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.events import store_archives
from redress_local.events.bus import Delivery, EventBus
from redress_local.events.errors import (
    ExistsError,
    IllegalStatusError,
    LimitError,
    UnknownArchiveError,
    UnknownReplayError,
)
from redress_local.events.models import Target, rule_arn
from redress_local.events.store import EventStore

START = 1_767_225_600.0


class World:
    def __init__(self, path: Path | str = ":memory:", **settings: Any) -> None:
        self.now = START
        self.sent: list[Delivery] = []
        self.hold: Callable[[Delivery], None] = lambda _: None
        self.sqlite = SqliteStore(path, "NORMAL")
        self.store = EventStore(self.sqlite)
        self.bus = EventBus(None, self.store, self.send, now=lambda: self.now, **settings)
        self.bus.rules.create_bus("cases")
        for name in ("one", "two"):
            self.bus.rules.put_rule(name, bus="cases", pattern={"source": ["shop"]})
            self.bus.rules.put_targets(name, [Target(target_id="t", arn="arn:t")], "cases")
        self.bus.archiving.create("all", "cases", pattern={"source": ["shop"]})

    def send(self, delivery: Delivery) -> None:
        self.hold(delivery)
        self.sent.append(delivery)

    def fill(self, count: int) -> None:
        for number in range(count):
            self.now = START + number
            entry = {
                "EventBusName": "cases",
                "Source": "shop",
                "DetailType": "x",
                "Detail": {"number": number},
            }
            self.bus.put([entry])
        self.bus.delivery.wait_idle(10)
        self.sent.clear()

    def start(self, name: str, **changes: Any) -> Any:
        return self.bus.replays.start(
            name, "all", **{"start": START, "end": START + 1e6, **changes}
        )

    def numbers(self, rule: str = "one") -> list[int]:
        return [one.event["detail"]["number"] for one in self.sent if one.rule.name == rule]


def test_a_window_has_both_ends_and_a_filter_names_rules() -> None:
    world = World()
    world.fill(6)
    replay = world.start("r", start=START + 1, end=START + 3, rules=[rule_arn("cases", "two")])
    assert replay.state == "STARTING"
    assert world.numbers("two") == [1, 2, 3]
    assert world.numbers("one") == []
    done = world.bus.replays.get("r")
    assert (done.state, done.events, done.last) == ("COMPLETED", 3, START + 3)
    assert {one.event["replay-name"] for one in world.sent} == {"r"}
    assert world.bus.archives()[0]["events"] == 6


def test_many_pages_come_in_order_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_archives, "_PAGE", 4)
    world = World()
    world.fill(23)
    world.start("r")
    assert world.numbers() == list(range(23))
    assert world.bus.replays.get("r").events == 23


def test_an_empty_window_completes() -> None:
    world = World()
    world.start("r")
    assert world.bus.replays.get("r").state == "COMPLETED"


def test_names_are_never_used_again() -> None:
    world = World()
    world.start("r")
    with pytest.raises(ExistsError):
        world.start("r")
    world.bus.replay("all", "at once")
    with pytest.raises(ExistsError):
        world.start("at once")


def test_what_is_unknown_is_said() -> None:
    world = World()
    with pytest.raises(UnknownArchiveError):
        world.bus.replays.start("r", "none", start=0, end=1)
    with pytest.raises(UnknownReplayError):
        world.bus.replays.get("none")
    with pytest.raises(UnknownReplayError):
        world.bus.replays.cancel("none")


def test_a_replay_in_the_background_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_archives, "_PAGE", 5)
    monkeypatch.setattr("redress_local.events.replays._ROOM", 3)
    gate, reached = threading.Event(), threading.Event()
    world = World(workers=1)
    world.fill(40)

    def hold(_: Delivery) -> None:
        reached.set()
        gate.wait(10)

    world.hold = hold
    world.start("r")
    assert reached.wait(5)
    assert world.bus.replays.get("r").state in {"STARTING", "RUNNING"}
    assert world.bus.replays.cancel("r").state == "CANCELLING"
    with pytest.raises(IllegalStatusError):
        world.bus.replays.cancel("r")
    gate.set()
    done = world.bus.replays.wait("r", 10)
    assert done.state == "CANCELLED"
    assert done.ended_at is not None
    assert world.bus.delivery.wait_idle(10)
    assert len(world.numbers()) == done.events < 40
    with pytest.raises(IllegalStatusError):
        world.bus.replays.cancel("r")
    world.bus.close()


def test_ten_replays_run_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redress_local.events.replays.Replays._launch", lambda *_: None)
    world = World()
    for number in range(10):
        world.start(f"r{number}")
    with pytest.raises(LimitError):
        world.start("one too many")


class Killed(BaseException):
    """The process dies here."""


@settings(max_examples=25, deadline=None)
@given(deaths=st.lists(st.integers(0, 12), max_size=3), page=st.integers(1, 5))
def test_a_replay_goes_on_after_a_crash(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], page: int
) -> None:
    path = tmp_path_factory.mktemp("bus") / "events.db"
    taken: list[int] = []
    left = iter(deaths)

    def open_world() -> World:
        world = World(path)
        until = [next(left, 10_000)]

        def hold(delivery: Delivery) -> None:
            if "replay-name" not in delivery.event:
                return
            if until[0] == 0:
                raise Killed
            until[0] -= 1
            if delivery.rule.name == "one":
                taken.append(delivery.event["detail"]["number"])

        world.hold = hold
        return world

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_archives, "_PAGE", page)
        world = open_world()
        world.fill(9)
        begun = False
        for _ in range(10):
            try:
                if begun:
                    world.bus.replays.resume()
                else:
                    begun = True
                    world.start("r")
                world.bus.deliver_due()
                break
            except Killed:
                world.sqlite.close()
                world = open_world()
                world.now = START + 1000
        assert world.bus.replays.get("r").state == "COMPLETED"
        assert world.bus.replays.get("r").events == 9
        assert world.store.owed() == []
        assert set(taken) == set(range(9))
        world.sqlite.close()
