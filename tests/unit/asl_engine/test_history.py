"""Histories have AWS's event types, ids, chains and details."""

from __future__ import annotations

from typing import Any

import pytest
from asl_engine import MemoryJournal, SqliteJournal
from asl_world import World, fails, machine, one, scope, task


@pytest.fixture(params=["memory", "sqlite"])
def world(request: Any, tmp_path: Any) -> World:
    made = World(f=lambda value: value)
    made.journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j")
    made.start()
    return made


def shape(world: World, arn: str) -> list[tuple[int, int, str]]:
    return [(e["id"], e["previousEventId"], e["type"]) for e in world.engine.history(arn)]


def test_a_task(world: World) -> None:
    state = task("f", TimeoutSeconds=5, Assign={"x": "{% $states.input.n %}"}, Output={"o": 1})
    execution = world.engine.run(machine(scope(("T", state), ("P", {"Type": "Pass"}))), {"n": 1})
    events = world.engine.history(execution.arn)
    details = [
        {k: v for k, v in e.items() if k not in {"timestamp", "id", "previousEventId"}}
        for e in events
    ]
    whole = {"truncated": False}
    call = {"resourceType": "lambda", "resource": "invoke"}
    envelope = '{"ExecutedVersion":"$LATEST","Payload":{"n":1},"StatusCode":200}'
    assert details == [
        {
            "type": "ExecutionStarted",
            "executionStartedEventDetails": {
                "input": '{"n":1}',
                "inputDetails": whole,
                "roleArn": "arn:aws:iam::000000000000:role/asl-engine",
            },
        },
        {
            "type": "TaskStateEntered",
            "stateEnteredEventDetails": {"name": "T", "input": '{"n":1}', "inputDetails": whole},
        },
        {
            "type": "TaskScheduled",
            "taskScheduledEventDetails": {
                **call,
                "region": "us-east-1",
                "parameters": '{"FunctionName":"f","Payload":{"n":1}}',
                "timeoutInSeconds": 5,
            },
        },
        {"type": "TaskStarted", "taskStartedEventDetails": call},
        {
            "type": "TaskSucceeded",
            "taskSucceededEventDetails": {**call, "output": envelope, "outputDetails": whole},
        },
        {
            "type": "TaskStateExited",
            "stateExitedEventDetails": {
                "name": "T",
                "output": '{"o":1}',
                "outputDetails": whole,
                "assignedVariables": {"x": "1"},
                "assignedVariablesDetails": whole,
            },
        },
        {
            "type": "PassStateEntered",
            "stateEnteredEventDetails": {"name": "P", "input": '{"o":1}', "inputDetails": whole},
        },
        {
            "type": "PassStateExited",
            "stateExitedEventDetails": {"name": "P", "output": '{"o":1}', "outputDetails": whole},
        },
        {
            "type": "ExecutionSucceeded",
            "executionSucceededEventDetails": {"output": '{"o":1}', "outputDetails": whole},
        },
    ]
    assert shape(world, execution.arn)[0][:2] == (1, 0)
    # As AWS has it, the first state's entry follows nothing; the others follow one another.
    previous = [event[1] for event in shape(world, execution.arn)]
    assert previous == [0, 0, *range(2, len(previous))]
    assert events[0]["timestamp"].isoformat() == "2026-01-01T00:00:00+00:00"


def test_branches_are_chained_each_to_its_own(world: World) -> None:
    branches = [one({"Type": "Pass", "End": True}, f"B{i}") for i in range(2)]
    body = one({"Type": "Parallel", "Branches": branches, "End": True})
    assert shape(world, world.engine.run(machine(body)).arn) == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "ParallelStateEntered"),
        (3, 2, "ParallelStateStarted"),
        (4, 3, "PassStateEntered"),
        (5, 4, "PassStateExited"),
        (6, 3, "PassStateEntered"),
        (7, 6, "PassStateExited"),
        (8, 7, "ParallelStateSucceeded"),
        (9, 7, "ParallelStateExited"),
        (10, 9, "ExecutionSucceeded"),
    ]


def test_iterations(world: World) -> None:
    processor = one({"Type": "Pass", "End": True}, "In")
    body = one({"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 1, "End": True})
    arn = world.engine.run(machine(body), ["a", "b"]).arn
    assert shape(world, arn)[2:11] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "PassStateEntered"),
        (6, 5, "PassStateExited"),
        (7, 6, "MapIterationSucceeded"),
        (8, 3, "MapIterationStarted"),
        (9, 8, "PassStateEntered"),
        (10, 9, "PassStateExited"),
        (11, 10, "MapIterationSucceeded"),
    ]
    events = world.engine.history(arn)
    assert events[2]["mapStateStartedEventDetails"] == {"length": 2}
    assert events[7]["mapIterationStartedEventDetails"] == {"name": "Only", "index": 1}
    assert events[8]["stateEnteredEventDetails"]["input"] == '"b"'


def test_failures_retries_and_catches(world: World) -> None:
    world.functions["bad"] = fails("Bad", "why")
    state = {
        **task("bad", Retry=[{"ErrorEquals": ["Bad"], "MaxAttempts": 1}]),
        "Catch": [{"ErrorEquals": ["Bad"], "Next": "End"}],
    }
    body = scope(("T", state), ("End", {"Type": "Fail", "Error": "E", "Cause": "c"}))
    arn = world.engine.run(machine(body)).arn
    events = world.engine.history(arn)
    assert [e["type"] for e in events][2:] == [
        "TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled", "TaskStarted", "TaskFailed",
        "TaskStateExited", "FailStateEntered", "ExecutionFailed",
    ]  # fmt: skip
    failed = events[4]["taskFailedEventDetails"]
    labels = {"resourceType": "lambda", "resource": "invoke"}
    assert failed == {**labels, "error": "Bad", "cause": "why"}
    exited = events[8]["stateExitedEventDetails"]["output"]
    assert exited == '{"Error":"Bad","Cause":"why"}'
    assert events[-1]["executionFailedEventDetails"] == {"error": "E", "cause": "c"}


def test_an_output_that_needs_the_result_again_reads_right(world: World) -> None:
    # The exit's payload is left out of the journal where it equals the result, or the input.
    same = {**task("f"), "Output": "{% $states.input %}"}
    whole = {key: value for key, value in task("f").items() if key != "Output"}
    arn = world.engine.run(machine(scope(("A", same), ("B", whole))), {"n": 1}).arn
    exits = [e["stateExitedEventDetails"]["output"] for e in world.engine.history(arn)
             if e["type"] == "TaskStateExited"]  # fmt: skip
    assert exits == [
        '{"n":1}',
        '{"ExecutedVersion":"$LATEST","Payload":{"n":1},"StatusCode":200}',
    ]


def test_what_fails_in_a_map_is_linked_as_aws_links_it(world: World) -> None:
    failing = one({"Type": "Fail", "Error": "E"})
    state = {"Type": "Map", "ItemProcessor": failing, "Next": "P",
             "Catch": [{"ErrorEquals": ["E"], "Next": "P"}]}  # fmt: skip
    body = scope(("M", state), ("P", {"Type": "Pass", "Output": "{% $none %}"}))
    assert shape(world, world.engine.run(machine(body), [1]).arn) == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "MapStateEntered"),
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "FailStateEntered"),
        (6, 5, "MapIterationFailed"),
        (7, 5, "MapStateFailed"),
        (8, 7, "MapStateExited"),
        (9, 8, "PassStateEntered"),
        (10, 8, "EvaluationFailed"),
        (11, 10, "ExecutionFailed"),
    ]
