"""Task states: arguments, retries, catchers, timeouts, tokens and heartbeats."""

from __future__ import annotations

import random
from typing import Any

import pytest
from asl_engine import TaskError, TaskTokenError
from asl_engine.matching import error_matcher
from asl_world import TOKEN, World, fails, machine, one, scope, task, token_task


@pytest.mark.parametrize(
    ("names", "error", "matches"),
    [
        (["Custom"], "Custom", True),
        (["Custom"], "custom", False),
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.QueryEvaluationError", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "Lambda.Unknown", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.TaskFailed"], "States.QueryEvaluationError", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
        (["A", "B"], "B", True),
        (["A", "States.TaskFailed"], "B", True),
    ],
)
def test_error_names_match_as_in_aws(names: list[str], error: str, matches: bool) -> None:
    assert error_matcher(names)(error) is matches


def test_lambda_invoke_gives_the_envelope_and_takes_json() -> None:
    world = World(f=lambda value: [value])
    state = {**task("f", {"a": "{% $states.input.n %}"})}
    del state["Output"]
    execution = world.run(machine(one(state)), {"n": 1})
    assert execution.output == {
        "ExecutedVersion": "$LATEST",
        "Payload": [{"a": 1}],
        "StatusCode": 200,
    }


def test_a_function_arn_is_called_with_the_arguments_themselves() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    world = World(**{arn: lambda value: {"got": value}})
    state = {"Type": "Task", "Resource": arn, "Arguments": {"n": "{% 1 %}"}, "End": True}
    assert world.run(machine(one(state))).output == {"got": {"n": 1}}


def test_exceptions_of_functions_are_errors_by_class_name() -> None:
    class CaseRejectedError(Exception):
        pass

    def function(value: Any) -> Any:
        raise CaseRejectedError("no")

    execution = World(f=function).run(machine(one(task("f"))))
    assert execution.error == "CaseRejectedError"
    assert execution.cause == '{"errorMessage":"no","errorType":"CaseRejectedError"}'


def test_an_answer_that_is_no_json_fails_the_task() -> None:
    world = World()
    world.invoke = lambda function, payload: b"not json"  # type: ignore[method-assign]
    world.start()
    assert world.run(machine(one(task("f")))).error == "Lambda.Unknown"


def retrying(**fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["Flaky"], **fields}]


@pytest.mark.parametrize(
    ("fields", "failures", "slept"),
    [
        ({}, 3, [1, 2, 4]),
        ({"IntervalSeconds": 3, "BackoffRate": 1, "MaxAttempts": 2}, 2, [3, 3]),
        ({"IntervalSeconds": 10, "MaxDelaySeconds": 15, "MaxAttempts": 3}, 3, [10, 15, 15]),
        ({"IntervalSeconds": 1, "BackoffRate": 1.5, "MaxAttempts": 9}, 4, [1, 1.5, 2.25, 3.375]),
    ],
)
def test_retries_back_off(fields: Any, failures: int, slept: list[float]) -> None:
    world = World(f=fails("Flaky", times=failures))
    execution = world.run(machine(one(task("f", Retry=retrying(**fields)))), {"ok": 1})
    assert execution.output == {"ok": 1}
    assert world.clock.slept == pytest.approx(slept)
    assert len(world.calls) == failures + 1


def test_full_jitter_is_between_nothing_and_the_delay() -> None:
    rng = random.Random(7)
    expected = [rng.uniform(0, delay) for delay in (1, 2, 4)]
    world = World(f=fails("Flaky", times=3))
    world.run(machine(one(task("f", Retry=retrying(JitterStrategy="FULL")))))
    assert world.clock.slept == pytest.approx(expected)


def test_retries_end_and_the_error_stays() -> None:
    world = World(f=fails("Flaky", "still"))
    execution = world.run(machine(one(task("f", Retry=retrying(MaxAttempts=2)))))
    assert (execution.error, execution.cause) == ("Flaky", "still")
    assert len(world.calls) == 3
    none = World(f=fails("Flaky"))
    none.run(machine(one(task("f", Retry=retrying(MaxAttempts=0)))))
    assert len(none.calls) == 1


def test_each_retrier_counts_for_itself_and_only_the_first_match_counts() -> None:
    errors = ["A", "B", "A", "B", "A"]

    def function(value: Any) -> Any:
        raise TaskError(errors.pop(0))

    world = World(f=function)
    retry = [
        {"ErrorEquals": ["A"], "MaxAttempts": 2, "IntervalSeconds": 5, "BackoffRate": 1},
        {"ErrorEquals": ["B"], "MaxAttempts": 9, "IntervalSeconds": 7, "BackoffRate": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 9},
    ]
    execution = world.run(machine(one(task("f", Retry=retry))))
    assert execution.error == "A"
    assert world.clock.slept == pytest.approx([5, 7, 5, 7])


def test_counts_start_anew_when_the_state_is_entered_again() -> None:
    world = World(f=fails("Flaky", times=4))
    body = {
        "StartAt": "T",
        "States": {
            "T": {
                **task("f", Retry=retrying(MaxAttempts=1), Next="Done"),
                "Catch": [{"ErrorEquals": ["Flaky"], "Next": "T", "Output": {}}],
            },
            "Done": {"Type": "Succeed"},
        },
    }
    assert world.run(machine(body)).status == "SUCCEEDED"
    assert len(world.calls) == 5


def caught(state: dict[str, Any], *catchers: dict[str, Any]) -> dict[str, Any]:
    state = {key: value for key, value in state.items() if key != "End"}
    return {
        "StartAt": "T",
        "States": {
            "T": {**state, "Next": "Done", "Catch": list(catchers)},
            "Done": {"Type": "Succeed", "Output": "{% ['done', $states.input] %}"},
            "Caught": {"Type": "Succeed", "Output": "{% ['caught', $states.input, $x] %}"},
        },
    }


def test_the_first_catcher_that_matches_takes_the_error() -> None:
    world = World(f=fails("Bad", "why"))
    body = caught(
        task("f", Retry=retrying()),
        {"ErrorEquals": ["Other"], "Next": "Done"},
        {
            "ErrorEquals": ["States.TaskFailed"],
            "Next": "Caught",
            "Assign": {"x": "{% $states.errorOutput.Cause %}"},
            "Output": {"e": "{% $states.errorOutput.Error %}", "in": "{% $states.input.n %}"},
        },
    )
    execution = world.run(machine(body), {"n": 1})
    assert execution.output == ["caught", {"e": "Bad", "in": 1}, "why"]


def test_evaluation_errors_of_any_field_are_caught_and_retried() -> None:
    for field in ("Arguments", "Output", "Assign", "TimeoutSeconds"):
        state = task("f", **{field: "{% $states.input.none %}"})
        if field == "Assign":
            state["Assign"] = {"y": "{% $states.input.none %}"}
        state["Retry"] = [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 1}]
        world = World(f=lambda value: value)
        catcher = {
            "ErrorEquals": ["States.QueryEvaluationError"],
            "Next": "Caught",
            "Assign": {"x": 1},
            "Output": "{% $states.errorOutput.Error %}",
        }
        execution = world.run(machine(caught(state, catcher)), {})
        assert execution.output == ["caught", "States.QueryEvaluationError", 1], field
        failed = [e for e in world.engine.history(execution.arn) if e["type"] == "EvaluationFailed"]
        place = "Assign/y" if field == "Assign" else field
        details = [e["evaluationFailedEventDetails"] for e in failed]
        says = (
            f"The JSONata expression '$states.input.none' specified for the field '{place}' "
            "returned nothing (undefined)."
        )
        found = [(d["location"], d["cause"].partition("). ")[2]) for d in details]
        assert found == [(place, says)] * 2
        assert all(e["evaluationFailedEventDetails"]["state"] == "T" for e in failed)


def test_an_error_inside_a_catcher_fails_the_state() -> None:
    world = World(f=fails("Bad"))
    broken = {"ErrorEquals": ["Bad"], "Next": "Done", "Output": "{% $states.input.no %}"}
    catch_all = {"ErrorEquals": ["States.ALL"], "Next": "Caught", "Assign": {"x": 1}}
    execution = world.run(machine(caught(task("f"), broken, catch_all)), {})
    assert execution.error == "States.QueryEvaluationError"


def test_a_task_that_takes_too_long_times_out() -> None:
    world = World(ask=lambda value: None)
    state = token_task("ask", TimeoutSeconds="{% 10 + 10 %}")
    execution = world.run(machine(one(state)))
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
    assert world.clock.slept == [pytest.approx(20)]
    assert world.types(execution)[-2:] == ["TaskTimedOut", "ExecutionFailed"]


def test_heartbeats_keep_a_task_alive() -> None:
    world = World(ask=lambda value: None)
    state = token_task("ask", TimeoutSeconds=100, HeartbeatSeconds=10)
    arn = world.engine.start_execution(world_machine(world, one(state)))
    world.engine.wait(arn, timeout=0)
    (token,) = world.tokens
    for _ in range(5):
        world.clock.advance(8)
        world.engine.wait(arn, timeout=0)
        world.engine.send_task_heartbeat(token)
    assert world.engine.describe(arn).status == "RUNNING"
    execution = world.engine.wait(arn)
    assert execution.error == "States.HeartbeatTimeout"
    with pytest.raises(TaskTokenError):
        world.engine.send_task_heartbeat(token)


def world_machine(world: World, body: dict[str, Any]) -> str:
    world.add(machine(body))
    return "machine"


def test_a_token_is_answered_once() -> None:
    world = World(ask=lambda value: None)
    arn = world.engine.start_execution(world_machine(world, one(token_task("ask"))))
    assert world.engine.wait(arn).status == "RUNNING"
    (token,) = world.tokens
    world.engine.send_task_success(token, {"approved": True})
    with pytest.raises(TaskTokenError) as error:
        world.engine.send_task_success(token, {"approved": False})
    assert error.value.code == "TaskTimedOut"
    assert world.engine.wait(arn).output == {"approved": True}
    assert world.types(world.engine.describe(arn)) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


def test_a_token_may_be_answered_before_the_call_returns() -> None:
    world = World()
    world.functions["ask"] = lambda value: world.engine.send_task_success(value["token"], "fast")
    assert world.run(machine(one(token_task("ask")))).output == "fast"


def test_a_failed_token_and_an_unknown_one() -> None:
    world = World(ask=lambda value: None)
    retry = [{"ErrorEquals": ["Denied"], "MaxAttempts": 1}]
    built = world_machine(world, one(token_task("ask", Retry=retry)))
    arn = world.engine.start_execution(built)
    world.engine.wait(arn)
    (first,) = world.tokens
    world.engine.send_task_failure(first, "Denied", "no")
    assert world.engine.wait(arn).status == "RUNNING"
    second = next(token for token in world.tokens if token != first)
    world.engine.send_task_failure(second, "Denied", "no again")
    execution = world.engine.wait(arn)
    assert (execution.error, execution.cause) == ("Denied", "no again")
    for token in (first, "", "nonsense\n"):
        with pytest.raises(TaskTokenError):
            world.engine.send_task_success(token, 1)


def test_a_call_that_fails_fails_the_waiting_task() -> None:
    execution = World(ask=fails("Broken")).run(machine(one(token_task("ask"))))
    assert execution.error == "Broken"


def test_each_attempt_has_its_own_token() -> None:
    tokens: list[str] = []

    def ask(value: Any) -> None:
        tokens.append(value["token"])
        if len(tokens) < 3:
            raise TaskError("Flaky")
        world.engine.send_task_success(value["token"], 1)

    world = World(ask=ask)
    world.run(machine(one(token_task("ask", Retry=retrying()))))
    assert len(set(tokens)) == 3


def test_token_tasks_on_other_services() -> None:
    sent: list[Any] = []
    world = World()
    resource = TOKEN.replace("lambda:invoke", "host:notify")
    world.start(integrations={resource.removesuffix(".waitForTaskToken"): lambda r: sent.append(r)})
    state = {"Type": "Task", "Resource": resource, "Arguments": {"a": 1}, "End": True}
    arn = world.engine.start_execution(machine(one(state)))
    world.engine.wait(arn)
    world.engine.send_task_success(sent[0].token, [1])
    assert world.engine.wait(arn).output == [1]
    assert sent[0].arguments == {"a": 1}


def test_scopes_of_sequence() -> None:
    world = World(f=lambda value: value + 1)
    assert world.run(machine(scope(*[(f"S{i}", task("f")) for i in range(5)])), 0).output == 5
