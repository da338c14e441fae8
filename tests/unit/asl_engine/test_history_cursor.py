"""Histories are read a part at a time, and no part twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asl_engine import MemoryJournal, SqliteJournal
from asl_engine.api.service import StepFunctionsApi
from asl_engine.history_cursor import HistoryCursor
from asl_world import World, fails, machine, one, scope, task


@pytest.fixture(params=["memory", "sqlite"])
def world(request: Any, tmp_path: Any) -> World:
    made = World(f=lambda value: value, bad=fails("Bad", "cause", times=1))
    made.journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j")
    made.start()
    return made


def long_run(world: World) -> str:
    """An execution with forks, retries, variables and more batches than are read at a time."""
    retry = [{"ErrorEquals": ["Bad"], "IntervalSeconds": 1}]
    inner = scope(("In", task("f", Assign={"v": "{% $states.input %}"})), ("Out", {"Type": "Pass"}))
    state = {"Type": "Map", "Items": list(range(120)), "ItemProcessor": inner, "MaxConcurrency": 3}
    built = machine(scope(("Try", task("bad", Retry=retry)), ("Map", state)))
    return world.engine.run(built, {"n": 1}).arn


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_parts_make_up_the_whole(world: World, size: int) -> None:
    arn = long_run(world)
    whole = world.engine.history(arn)
    assert len(list(world.journal.batches(world.engine.record(arn).key))) > 100
    cursor = HistoryCursor(world.journal, world.engine.record(arn))
    parts: list[Any] = []
    while not cursor.at_end():
        assert cursor.next_id == len(parts) + 1
        parts += cursor.take(size)
    assert parts == whole
    assert cursor.take(size) == []


def test_what_is_skipped_is_known(world: World) -> None:
    arn = long_run(world)
    whole = world.engine.history(arn)
    for first in (1, 2, 9, 10, 200, 613, len(whole), len(whole) + 1, len(whole) + 9):
        cursor = HistoryCursor(world.journal, world.engine.record(arn))
        cursor.skip_to(first)
        assert cursor.take(3) == whole[first - 1 : first + 2]


def test_a_cursor_waits_for_what_comes(world: World) -> None:
    state = {"Type": "Wait", "Seconds": 60}
    arn = world.engine.start_execution(machine(scope(("W", state), ("P", {"Type": "Pass"}))))
    world.engine.wait(arn, 0.0)
    cursor = HistoryCursor(world.journal, world.engine.record(arn))
    before = cursor.take(100)
    assert cursor.at_end()
    world.engine.wait(arn)
    assert before + cursor.take(100) == world.engine.history(arn)


def test_batches_from_a_number_on(world: World) -> None:
    key = world.engine.record(long_run(world)).key
    batches = list(world.journal.batches(key))
    assert [number for number, _ in batches] == list(range(len(batches)))
    for since in (0, 1, 99, 100, 101, len(batches) - 1, len(batches)):
        assert list(world.journal.batches(key, since)) == batches[since:]


def test_pages_are_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = long_run(world)
    api = StepFunctionsApi(world.engine, account="000000000000", region="us-east-1")
    read: list[int] = []
    batches = world.journal.batches

    def counted(key: int, since: int = 0) -> Any:
        for number, events in batches(key, since):
            read.append(number)
            yield number, events

    monkeypatch.setattr(world.journal, "batches", counted)
    pages = [api_history(api, arn, 10)]
    while token := pages[-1].get("nextToken"):
        pages.append(api_history(api, arn, 10, nextToken=token))
    assert read == sorted(set(read))
    # A token that was used serves again, though what precedes it is then read again.
    assert api_history(api, arn, 10, nextToken=pages[2]["nextToken"]) == pages[3]


def api_history(api: StepFunctionsApi, arn: str, size: int, **more: Any) -> dict[str, Any]:
    request = {"executionArn": arn, "maxResults": size, **more}
    answer = api.handle("AWSStepFunctions.GetExecutionHistory", json.dumps(request).encode())
    assert answer.status == 200, answer.body
    body: dict[str, Any] = json.loads(answer.body)
    return body


def test_a_map_that_fails_midway(world: World) -> None:
    world.functions["odd"] = fails("Odd", times=1)
    state = {"Type": "Map", "Items": [1, 2], "ItemProcessor": one(task("odd"))}
    arn = world.engine.run(machine(scope(("Map", state)))).arn
    whole = world.engine.history(arn)
    cursor = HistoryCursor(world.journal, world.engine.record(arn))
    cursor.skip_to(len(whole))
    assert cursor.take(9) == whole[-1:]
