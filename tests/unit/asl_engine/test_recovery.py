"""A process that dies at any commit: what was journalled is never run again."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from asl_engine import Execution, SqliteJournal, TaskError, forks
from asl_engine.core import Core
from asl_engine.runtime import Track
from asl_world import SYNC2, Crash, World, fails, machine, one, scope, task, token_task

CHILD = machine(
    scope(("InChild", task("child")), ("ChildWait", {"Type": "Wait", "Seconds": 5})), name="child"
)


def everything() -> Any:
    """A machine with each kind of thing that a crash can interrupt."""
    retry = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 3, "JitterStrategy": "FULL"}]
    return machine(
        scope(
            ("First", task("first", Assign={"kept": "{% $states.result.Payload.n %}"})),
            ("Random", {"Type": "Pass", "Output": {"id": "{% $uuid() %}", "n": "{% $kept %}"}}),
            ("Flaky", task("flaky", Retry=retry)),
            ("Pause", {"Type": "Wait", "Seconds": 60}),
            (
                "Both",
                {
                    "Type": "Parallel",
                    "Branches": [
                        scope(("Left", task("left")), ("Left2", task("left2"))),
                        scope(("Ask", token_task("ask"))),
                        scope(("LeftAlone", {"Type": "Wait", "Seconds": 7})),
                    ],
                    "Output": "{% {'n': $kept, 'both': $states.result} %}",
                },
            ),
            (
                "Each",
                {
                    "Type": "Map",
                    "Items": "{% [$kept, $kept + 1, $kept + 2] %}",
                    "ItemSelector": {"item": "{% $states.context.Map.Item.Value * 10 %}"},
                    "MaxConcurrency": 2,
                    "ItemProcessor": scope(
                        ("Work", task("work")),
                        ("Doubled", {"Type": "Pass", "Output": "{% $states.input.item * 2 %}"}),
                    ),
                },
            ),
            (
                "Child",
                {
                    "Type": "Task",
                    "Resource": SYNC2,
                    "Arguments": {"StateMachineArn": CHILD.arn, "Input": "{% $states.input %}"},
                    "Output": "{% $states.result.Output %}",
                },
            ),
            (
                "Caught",
                {
                    **task("broken"),
                    "Next": "Never",
                    "Catch": [
                        {
                            "ErrorEquals": ["States.ALL"],
                            "Next": "Last",
                            "Assign": {"error": "{% $states.errorOutput.Error %}"},
                            "Output": "{% $states.input %}",
                        }
                    ],
                },
            ),
            ("Never", {"Type": "Fail", "Error": "Never"}),
            ("Last", task("last", "{% {'sum': $sum($states.input), 'error': $error} %}")),
        )
    )


def new_world() -> World:
    def same(value: Any) -> Any:
        return value

    world = World(
        first=lambda value: {"n": value["n"] + 1},
        flaky=fails("Flaky", times=2),
        left=same,
        left2=same,
        ask=same,
        work=same,
        child=same,
        broken=fails("Broken", "on purpose"),
        last=same,
    )
    world.add(CHILD, everything())
    return world


def finish(world: World, arn: str) -> Execution:
    """Wait for an execution, answering whatever token it waits for."""
    answered: set[str] = set()
    for _ in range(10):
        execution = world.engine.wait(arn)
        if execution.status != "RUNNING":
            return execution
        for token in [t for t in world.tokens if t not in answered]:
            answered.add(token)
            world.engine.send_task_success(token, {"yes": True})
    raise AssertionError("the execution does not end")


def uninterrupted() -> tuple[World, Execution]:
    world = new_world()
    arn = world.engine.start_execution("machine", {"n": 1}, "x")
    return world, finish(world, arn)


def test_everything_runs() -> None:
    world, execution = uninterrupted()
    assert execution.status == "SUCCEEDED", execution
    assert execution.output == {"sum": 2 * (20 + 30 + 40), "error": "Broken"}
    assert world.count() == {
        "first": 1, "flaky": 3, "left": 1, "left2": 1, "ask": 1, "work": 3, "child": 1,
        "broken": 1, "last": 1,
    }  # fmt: skip


def crash_at(world: World, boundary: int) -> None:
    def on_commit(commits: int) -> None:
        if commits == boundary:
            raise Crash

    world.journal.on_commit = on_commit


def boundaries() -> int:
    return uninterrupted()[0].journal._commits


@pytest.mark.parametrize("storage", ["memory", "sqlite"])
def test_a_crash_at_any_commit_changes_nothing(storage: str, tmp_path: Any) -> None:
    world, expected = uninterrupted()
    total = boundaries()
    assert total > 25
    for boundary in range(1, total + 1):
        crashed = new_world()
        if storage == "sqlite":
            if boundary % 7:
                continue
            crashed.journal = SqliteJournal(tmp_path / f"{boundary}.db")
            crashed.start()
        crash_at(crashed, boundary)
        arn = "arn:aws:states:us-east-1:000000000000:execution:machine:x"
        with pytest.raises(Crash):
            finish(crashed, crashed.engine.start_execution("machine", {"n": 1}, "x"))
        crashed.journal.on_commit = None
        if storage == "sqlite":
            crashed.journal.close()
            crashed.journal = SqliteJournal(tmp_path / f"{boundary}.db")
        crashed.start()
        crashed.engine.resume()
        execution = finish(crashed, arn)
        assert execution.status == "SUCCEEDED", (boundary, execution)
        assert execution.output == expected.output
        assert crashed.count() == world.count(), boundary
        assert_history_is_whole(crashed, arn)
        if storage == "memory":
            assert sorted(crashed.types(execution)) == sorted(world.types(expected)), boundary


def assert_history_is_whole(world: World, arn: str) -> None:
    events = world.engine.history(arn)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events)
    assert events[0]["previousEventId"] == 0


def test_crashing_again_and_again_still_ends() -> None:
    world, expected = uninterrupted()
    crashed = new_world()
    step = 0

    def on_commit(_: int) -> None:
        nonlocal step
        step += 1
        if step % 3 == 0:
            raise Crash

    crashed.journal.on_commit = on_commit
    arn = "arn:aws:states:us-east-1:000000000000:execution:machine:x"
    answered: set[str] = set()
    for attempt in range(200):
        try:
            if attempt == 0:
                crashed.engine.start_execution("machine", {"n": 1}, "x")
            else:
                crashed.start()
                crashed.engine.resume()
            crashed.engine.wait(arn)
            for token in [t for t in crashed.tokens if t not in answered]:
                answered.add(token)
                crashed.engine.send_task_success(token, {"yes": True})
            execution = crashed.engine.wait(arn)
            if execution.status != "RUNNING":
                break
        except Crash:
            continue
    else:
        pytest.fail("never ended")
    assert execution.output == expected.output
    assert crashed.count() == world.count()


def test_a_task_that_was_running_is_called_again_with_the_same_arguments() -> None:
    seen: list[Any] = []

    def dies_once(value: Any) -> Any:
        seen.append(value)
        if len(seen) == 1:
            raise Crash
        return value

    world = World(f=dies_once)
    world.add(machine(one(task("f", {"key": "{% $uuid() %}"}))))
    with pytest.raises(Crash):
        world.run(world.machines[0], name="x")
    world.start()
    (arn,) = world.engine.resume()
    assert world.engine.wait(arn).status == "SUCCEEDED"
    assert seen[0] == seen[1]
    assert world.types(world.engine.describe(arn)).count("TaskScheduled") == 1


def test_waits_go_on_with_what_is_left() -> None:
    world = World()
    world.add(machine(one({"Type": "Wait", "Seconds": 100, "End": True})))
    arn = world.engine.start_execution("machine")
    assert world.engine.wait(arn, timeout=40).status == "RUNNING"
    world.clock.advance(40)
    world.start()
    world.engine.resume()
    world.clock.slept.clear()
    assert world.engine.wait(arn).status == "SUCCEEDED"
    assert world.clock.slept == [pytest.approx(60)]


def test_tokens_and_timeouts_survive_a_restart() -> None:
    world = World(ask=lambda value: None)
    world.add(machine(one(token_task("ask", TimeoutSeconds=100))))
    first = world.engine.start_execution("machine", {"n": 1})
    second = world.engine.start_execution("machine", {"n": 2})
    world.engine.wait(first, timeout=0)
    world.engine.wait(second, timeout=0)
    world.clock.advance(30)
    world.start()
    assert set(world.engine.resume()) == {first, second}
    world.engine.wait(first, timeout=0)
    token = next(token for token, value in world.tokens.items() if value == {"n": 1})
    world.engine.send_task_success(token, "done")
    assert world.engine.wait(first, timeout=0).output == "done"
    started = world.clock.now()
    failed = world.engine.wait(second)
    assert (failed.status, failed.error) == ("FAILED", "States.Timeout")
    assert world.clock.now() - started == pytest.approx(70)
    assert len(world.calls) == 2


def test_an_execution_goes_on_with_the_definition_it_started_with() -> None:
    world = World(f=lambda value: value)
    old = machine(scope(("W", {"Type": "Wait", "Seconds": 9}), ("Old", task("f", "old"))))
    new = machine(scope(("W", {"Type": "Wait", "Seconds": 9}), ("New", task("f", "new"))))
    world.add(old)
    arn = world.engine.start_execution("machine")
    world.engine.wait(arn, timeout=0)
    world.machines = [new]
    world.start()
    world.engine.resume()
    assert world.engine.wait(arn).output == "old"


def test_branches_that_were_overtaken_are_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    # Threads may start the branches in any order; here it is the last one first.
    def backwards(core: Core, child: Track, local: Any, *, beside: bool) -> None:
        local.appendleft(partial(core.run_track, child, local))

    monkeypatch.setattr(forks, "run_child", backwards)
    states = [one(task("f"), f"B{index}") for index in range(3)]
    built = machine(one({"Type": "Parallel", "Branches": states, "End": True}))
    for boundary in range(1, 5):
        world = World(f=lambda value: value)
        world.add(built)
        crash_at(world, boundary)
        with pytest.raises(Crash):
            world.run(built, 1, name="x")
        world.journal.on_commit = None
        world.start()
        (arn,) = world.engine.resume()
        assert world.engine.wait(arn).output == [1, 1, 1]
        assert world.count() == {"f": 3}


def test_resuming_twice_does_nothing_the_second_time() -> None:
    world = World()
    world.add(machine(one({"Type": "Wait", "Seconds": 9, "End": True})))
    arn = world.engine.start_execution("machine")
    world.engine.wait(arn, timeout=0)
    world.start()
    assert world.engine.resume() == [arn]
    assert world.engine.resume() == []


def crashed_everywhere(built: Any, value: Any, **functions: Any) -> None:
    """Crash an execution at each of its commits; nothing that can be seen may change."""

    def new() -> World:
        world = World(**functions)
        world.add(built)
        return world

    calm = new()
    expected = calm.run(built, value, name="x")
    for boundary in range(1, calm.journal._commits):
        world = new()
        crash_at(world, boundary)
        with pytest.raises(Crash):
            world.run(built, value, name="x")
        world.journal.on_commit = None
        world.start()
        (arn,) = world.engine.resume()
        found = world.engine.wait(arn)
        seen = (found.status, found.output, found.error, world.calls)
        assert seen == (expected.status, expected.output, expected.error, calm.calls), boundary


def always_down(value: Any) -> Any:
    raise TaskError("Down")


def test_retriers_go_on_counting_after_a_crash() -> None:
    retry = [{"ErrorEquals": ["Down"], "MaxAttempts": 3, "IntervalSeconds": 2}]
    crashed_everywhere(machine(one(task("down", Retry=retry))), {}, down=always_down)


def test_what_flows_is_rebuilt_where_the_journal_leaves_it_out() -> None:
    whole = {key: value for key, value in task("f").items() if key != "Output"}
    same = {**task("f"), "Output": "{% $states.input %}"}
    # The last state's input is only in A's result; a crash in its call must find it there.
    body = scope(("A", whole), ("B", {"Type": "Pass"}), ("C", same))
    crashed_everywhere(machine(body), {"n": 1}, f=lambda value: [value])


def test_tolerated_failures_are_rebuilt() -> None:
    state = {
        "Type": "Map",
        "ItemProcessor": one(task("odd"), "In"),
        "MaxConcurrency": 1,
        "ToleratedFailureCount": 1,
    }

    def odd(value: int) -> int:
        if value % 2 == 0:
            raise TaskError("Even")
        return value

    built = machine(scope(("M", state), ("T", task("f"))))
    crashed_everywhere(built, [1, 2, 3], odd=odd, f=lambda value: value)
    crashed_everywhere(built, [2, 3, 4, 5], odd=odd, f=lambda value: value)
