"""The engine's front: starting, watching, stopping and redriving executions."""

from __future__ import annotations

from typing import Any

import pytest
from asl_engine import (
    ExecutionExistsError,
    ExecutionNotFoundError,
    ExecutionNotRedrivableError,
    InvalidDefinitionError,
    InvalidInputError,
    InvalidNameError,
    MachineNotFoundError,
    MemoryJournal,
    SqliteJournal,
    compile_machine,
)
from asl_world import SYNC2, World, fails, machine, one, scope, task, token_task

WAIT = one({"Type": "Wait", "Seconds": 60, "End": True})
PASS = one({"Type": "Pass", "End": True})


@pytest.fixture(params=["memory", "sqlite"])
def world(request: Any, tmp_path: Any) -> World:
    made = World(f=lambda value: value)
    made.journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j")
    made.start()
    return made


def test_an_execution_is_found_while_it_runs_and_afterwards(world: World) -> None:
    world.add(machine(WAIT))
    arn = world.engine.start_execution("machine", {"a": 1}, name="one")
    assert arn == "arn:aws:states:us-east-1:000000000000:execution:machine:one"
    running = world.engine.describe(arn)
    assert (running.status, running.input, running.stopped_at) == ("RUNNING", {"a": 1}, None)
    assert world.engine.history(arn)[0]["type"] == "ExecutionStarted"
    done = world.engine.wait(arn)
    assert (done.status, done.output, done.name) == ("SUCCEEDED", {"a": 1}, "one")
    assert done.stopped_at is not None
    assert (done.stopped_at - done.started_at).total_seconds() == pytest.approx(60)
    assert world.engine.describe(arn) == done


def test_names_are_idempotent_while_the_execution_runs(world: World) -> None:
    world.add(machine(WAIT))
    first = world.engine.start_execution("machine", {"a": 1}, name="n")
    assert world.engine.start_execution("machine", {"a": 1}, name="n") == first
    with pytest.raises(ExecutionExistsError):
        world.engine.start_execution("machine", {"a": 2}, name="n")
    world.engine.wait(first)
    for value in ({"a": 1}, {"a": 2}):
        with pytest.raises(ExecutionExistsError):
            world.engine.start_execution("machine", value, name="n")
        with pytest.raises(ExecutionExistsError):
            world.engine.run("machine", value, name="n")
    assert len(world.engine.list_executions()) == 1


def test_executions_are_listed_latest_first(world: World) -> None:
    world.add(machine(PASS, name="a"), machine(one({"Type": "Fail"}), name="b"))
    for index in range(3):
        world.engine.run("a", index, name=f"n{index}")
    world.engine.run("b", name="f")
    assert [e.name for e in world.engine.list_executions()] == ["f", "n2", "n1", "n0"]
    assert [e.name for e in world.engine.list_executions("a", limit=2)] == ["n2", "n1"]
    assert [e.name for e in world.engine.list_executions(status="FAILED")] == ["f"]
    assert world.engine.list_executions("b", status="SUCCEEDED") == []


@pytest.mark.parametrize("name", ["a b", "x" * 81, "ü", "a/b", "a\n"])
def test_names_that_arns_do_not_hold_are_refused(world: World, name: str) -> None:
    world.add(machine(PASS))
    with pytest.raises(InvalidNameError):
        world.engine.start_execution("machine", {}, name=name)
    with pytest.raises(InvalidNameError):
        compile_machine({}, name=name)


def test_bad_inputs_and_unknown_things_are_refused(world: World) -> None:
    world.add(machine(PASS))
    for value in ({1, 2, object()}, "x" * 300_000, {"a": object()}):
        with pytest.raises(InvalidInputError):
            world.engine.start_execution("machine", value)
    with pytest.raises(MachineNotFoundError):
        world.engine.start_execution("nobody")
    for act in (world.engine.describe, world.engine.history, world.engine.stop_execution,
                world.engine.redrive_execution, world.engine.wait):  # fmt: skip
        with pytest.raises(ExecutionNotFoundError):
            act("arn:aws:states:us-east-1:000000000000:execution:machine:none")
    assert world.engine.list_executions() == []


def test_a_resource_that_cannot_be_called_is_refused_at_registration() -> None:
    world = World()
    unknown = {**task("f"), "Resource": "arn:aws:states:::glue:startJobRun"}
    nested = {"Type": "Parallel", "Branches": [one(unknown, "Job")], "End": True}
    with pytest.raises(InvalidDefinitionError) as error:
        world.engine.register(machine(one(nested)))
    assert "/States/Only/Branches/0/States/Job/Resource" in str(error.value)
    assert "glue" in str(error.value)
    put = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "End": True,
           "Arguments": {"Entries": []}}  # fmt: skip
    with pytest.raises(InvalidDefinitionError, match="events sink"):
        world.engine.register(machine(one(put)))


def test_invalid_definitions_are_refused_with_the_place() -> None:
    with pytest.raises(InvalidDefinitionError) as error:
        machine(one({"Type": "Pass", "Next": "Nowhere"}))
    assert error.value.diagnostics[0].location.startswith("/States/Only")
    with pytest.raises(InvalidDefinitionError):
        compile_machine("{not json", name="m")
    with pytest.raises(InvalidDefinitionError):
        compile_machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, name="m")


def test_stopping_an_execution(world: World) -> None:
    world.functions["ask"] = lambda value: None
    body = one(
        {
            "Type": "Parallel",
            "Branches": [one(token_task("ask"), "Ask"), one(WAIT["States"]["Only"], "W")],
            "End": True,
        }
    )
    world.add(machine(body))
    arn = world.engine.start_execution("machine")
    world.engine.wait(arn, timeout=0)
    stopped = world.engine.stop_execution(arn, error="Operator", cause="no longer wanted")
    assert (stopped.status, stopped.error, stopped.cause) == (
        "ABORTED",
        "Operator",
        "no longer wanted",
    )
    last = world.engine.history(arn)[-1]
    assert last["type"] == "ExecutionAborted"
    assert last["executionAbortedEventDetails"] == {
        "error": "Operator",
        "cause": "no longer wanted",
    }
    assert world.engine._core.tokens == {}
    world.clock.advance(1000)
    again = world.engine.stop_execution(arn)
    assert again == stopped == world.engine.wait(arn)


def test_redrive_runs_again_from_where_it_failed(world: World) -> None:
    world.functions["second"] = fails("Down", "maintenance", times=3)
    retry = [{"ErrorEquals": ["Down"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    body = scope(
        ("First", task("f", Assign={"kept": "{% $states.input.n %}"})),
        ("Second", task("second", {"n": "{% $kept %}"}, Retry=retry)),
        ("Third", task("f")),
    )
    world.add(machine(body))
    failed = world.engine.run("machine", {"n": 4}, name="r")
    assert failed.status == "FAILED"
    world.engine.redrive_execution(failed.arn)
    done = world.engine.wait(failed.arn)
    assert (done.status, done.output, done.redrive_count) == ("SUCCEEDED", {"n": 4}, 1)
    assert (done.error, done.cause) == (None, None)
    # The retrier's count started anew.
    assert [name for name, _ in world.calls] == ["f", "second", "second", "second", "second", "f"]
    types = [event["type"] for event in world.engine.history(failed.arn)]
    redriven = types.index("ExecutionRedriven")
    assert types[redriven - 1] == "ExecutionFailed"
    assert types[redriven + 1] == "TaskScheduled"
    assert types.count("TaskStateEntered") == 3
    with pytest.raises(ExecutionNotRedrivableError):
        world.engine.redrive_execution(failed.arn)


def test_redrive_of_a_parallel_runs_only_the_branches_that_did_not_succeed(world: World) -> None:
    world.functions["bad"] = fails("Down", times=1)
    world.functions["ask"] = lambda value: None
    body = one(
        {
            "Type": "Parallel",
            "Branches": [
                one(task("f"), "Good"),
                one(token_task("ask"), "Ask"),
                scope(("Before", task("f")), ("Bad", task("bad"))),
            ],
            "End": True,
        }
    )
    world.add(machine(body))
    failed = world.engine.run("machine", {"n": 1})
    assert failed.error == "Down"
    world.engine.redrive_execution(failed.arn)
    world.engine.wait(failed.arn)
    token = list(world.tokens)[-1]
    world.engine.send_task_success(token, "yes")
    assert world.engine.wait(failed.arn).output == [{"n": 1}, "yes", {"n": 1}]
    assert world.count() == {"f": 2, "ask": 2, "bad": 2}


def test_redrive_of_a_map_runs_only_the_iterations_that_did_not_succeed(world: World) -> None:
    down = [True]

    def work(value: int) -> int:
        if value == 2 and down[0]:
            raise ValueError("down")
        return value * 10

    world.functions["work"] = work
    body = one(
        {
            "Type": "Map",
            "ItemProcessor": one(task("work"), "Work"),
            "MaxConcurrency": 1,
            "End": True,
        }
    )
    world.add(machine(body))
    failed = world.engine.run("machine", [1, 2, 3])
    down[0] = False
    world.engine.redrive_execution(failed.arn)
    assert world.engine.wait(failed.arn).output == [10, 20, 30]
    assert [value for _, value in world.calls] == [1, 2, 2, 3]


def test_redrive_of_stopped_and_timed_out_executions(world: World) -> None:
    world.add(machine(one({"Type": "Wait", "Seconds": 80, "End": True}), TimeoutSeconds=30))
    arn = world.engine.run("machine").arn
    waited = [30.0]
    for status in ("TIMED_OUT", "SUCCEEDED"):
        assert world.engine.describe(arn).status == "TIMED_OUT"
        world.engine.redrive_execution(arn)
        # The machine's time starts anew; the Wait goes on from when it was entered.
        assert world.engine.wait(arn).status == status
        waited.append(world.clock.now() - 1_767_225_600.0)
    assert waited == pytest.approx([30, 60, 80])
    arn = world.engine.start_execution("machine")
    world.engine.wait(arn, timeout=20)
    world.engine.stop_execution(arn)
    world.clock.advance(500)
    world.engine.redrive_execution(arn)
    assert world.engine.wait(arn).status == "SUCCEEDED"


def test_a_fail_state_fails_again_when_redriven(world: World) -> None:
    world.add(machine(one({"Type": "Fail", "Error": "E"})))
    failed = world.engine.run("machine")
    world.engine.redrive_execution(failed.arn)
    again = world.engine.wait(failed.arn)
    assert (again.status, again.error, again.redrive_count) == ("FAILED", "E", 1)


def test_old_executions_cannot_be_redriven(world: World) -> None:
    world.add(machine(one({"Type": "Fail"})))
    failed = world.engine.run("machine")
    world.clock.advance(15 * 86_400)
    with pytest.raises(ExecutionNotRedrivableError, match="redrivable period"):
        world.engine.redrive_execution(failed.arn)


def child_task(pattern: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution" + pattern,
        "Arguments": {
            "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:child",
            "Input": {"n": "{% $states.input.n %}"},
            **fields,
        },
        "End": True,
    }


def test_a_child_is_waited_for_and_described(world: World) -> None:
    world.add(machine(scope(("A", task("f")), ("W", {"Type": "Wait", "Seconds": 5})), "child"))
    world.add(machine(one(child_task(".sync:2")), "parsed"))
    world.add(machine(one(child_task(".sync", Name="named")), "text"))
    output = world.engine.run("parsed", {"n": 1}).output
    assert output["Status"] == "SUCCEEDED"
    assert (output["Input"], output["Output"]) == ({"n": 1}, {"n": 1})
    assert output["StopDate"] - output["StartDate"] == 5000
    execution = world.engine.run("text", {"n": 1})
    assert execution.output["Output"] == '{"n":1}'
    assert execution.output["ExecutionArn"].endswith(":execution:child:named")
    types = [event["type"] for event in world.engine.history(execution.arn)]
    assert types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_failed_child_fails_the_task_with_its_description(world: World) -> None:
    world.add(machine(one({"Type": "Fail", "Error": "Inner", "Cause": "deep"}), "child"))
    world.add(machine(one(child_task(".sync:2")), "parent"))
    execution = world.engine.run("parent", {"n": 1})
    assert execution.error == "States.TaskFailed"
    assert '"Error":"Inner"' in (execution.cause or "")
    assert '"Status":"FAILED"' in (execution.cause or "")


def test_a_child_that_is_not_waited_for_runs_by_itself(world: World) -> None:
    world.add(machine(one(task("f")), "child"))
    world.add(machine(one(child_task("", Name="alone")), "parent"))
    execution = world.engine.run("parent", {"n": 1})
    child = execution.output["ExecutionArn"]
    assert world.engine.wait(child).output == {"n": 1}
    again = world.engine.run("parent", {"n": 1})
    assert again.error == "StepFunctions.ExecutionAlreadyExistsException"


def test_a_child_of_no_machine_or_with_bad_arguments_fails_the_task(world: World) -> None:
    world.add(machine(one(child_task(".sync:2")), "parent"))
    assert world.engine.run("parent", {"n": 1}).error == (
        "StepFunctions.StateMachineDoesNotExistException"
    )


def test_stopping_or_timing_out_a_parent_stops_the_child(world: World) -> None:
    world.add(machine(WAIT, "child"))
    world.add(machine(one({**child_task(".sync:2"), "TimeoutSeconds": 10}), "parent"))
    parent = world.engine.run("parent", {"n": 1})
    assert parent.error == "States.Timeout"
    (child,) = world.engine.list_executions("child")
    assert world.engine.wait(child.arn).status == "ABORTED"
    arn = world.engine.start_execution("parent", {"n": 2})
    world.engine.wait(arn, timeout=1)
    world.engine.stop_execution(arn)
    children = [world.engine.wait(e.arn) for e in world.engine.list_executions("child")]
    assert [e.status for e in children] == ["ABORTED", "ABORTED"]


def test_listeners_hear_every_event_once_it_is_durable(world: World) -> None:
    heard: list[tuple[str, int, str]] = []

    def listener(arn: str, event: dict[str, Any]) -> None:
        stored = [e["id"] for e in world.engine.history(arn)]
        assert event["id"] in stored
        heard.append((arn, event["id"], event["type"]))

    def broken(arn: str, event: dict[str, Any]) -> None:
        raise RuntimeError("a listener's fault")

    world.engine.subscribe(broken)
    end = world.engine.subscribe(listener)
    world.add(machine(scope(("A", task("f")), ("B", {"Type": "Pass"}))))
    execution = world.engine.run("machine")
    events = world.engine.history(execution.arn)
    assert heard == [(execution.arn, e["id"], e["type"]) for e in events]
    end()
    world.engine.run("machine")
    assert len(heard) == len(events)


def test_a_late_listener_gets_whole_events(world: World) -> None:
    heard: list[dict[str, Any]] = []
    world.add(machine(scope(("A", {"Type": "Pass", "Output": [1]}), ("W", WAIT["States"]["Only"]))))
    arn = world.engine.start_execution("machine")
    world.engine.wait(arn, timeout=0)
    world.engine.subscribe(lambda _, event: heard.append(event))
    world.engine.wait(arn)
    assert heard == world.engine.history(arn)[-2:]
    assert heard[0]["stateExitedEventDetails"]["output"] == "[1]"


def test_finished_executions_leave_memory(world: World) -> None:
    world.add(machine(scope(("A", task("f")), ("B", {"Type": "Pass"}))))
    for _ in range(20):
        world.engine.run("machine")
    core = world.engine._core
    assert (core.live, core.tokens, core.listeners.readers) == ({}, {}, {})


def test_a_loop_over_many_children_does_not_grow_the_stack() -> None:
    world = World(f=lambda value: value)
    world.add(machine(one(task("f", "{% $states.input.n %}")), "child"))
    body = scope(
        ("Init", {"Type": "Pass", "Assign": {"i": 0}}),
        ("More", {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $i < 400 %}", "Next": "Child"}],
            "Default": "Done",
        }),
        ("Child", {
            **child_task(".sync:2", Input={"n": "{% $i %}"}),
            "Assign": {"i": "{% $i + 1 %}"},
            "Next": "More",
        }),
        ("Done", {"Type": "Succeed", "Output": "{% $i %}"}),
    )  # fmt: skip
    assert world.engine.run(machine(body)).output == 400


def test_an_execution_of_too_many_events_is_ended_as_in_aws(world: World) -> None:
    body = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.go %}", "Next": "A"}],
                "Default": "C",
            },
            "C": {"Type": "Succeed"},
        },
    }
    execution = world.engine.run(machine(body), {"go": True})
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "25000" in (execution.cause or "")
    assert len(world.engine.history(execution.arn)) <= 25_000


def test_an_execution_left_by_an_earlier_process_can_be_stopped(world: World) -> None:
    world.add(machine(WAIT))
    arn = world.engine.start_execution("machine")
    world.start()
    assert world.engine.stop_execution(arn).status == "ABORTED"
    assert world.engine.resume() == []


def test_sync_children_in_a_chain() -> None:
    world = World(f=lambda value: value)
    world.add(machine(one(task("f", {"n": "{% $states.input.n %}"})), "level0"))
    for level in range(1, 5):
        state = {
            "Type": "Task",
            "Resource": SYNC2,
            "Arguments": {"StateMachineArn": f"level{level - 1}", "Input": "{% $states.input %}"},
            "Output": "{% $states.result.Output %}",
            "End": True,
        }
        world.add(machine(one(state), f"level{level}"))
    assert world.engine.run("level4", {"n": 5}).output == {"n": 5}
    assert len(world.engine.list_executions()) == 5
