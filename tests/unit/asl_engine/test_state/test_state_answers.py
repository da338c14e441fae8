"""What TestState answers: status, output, errors, inspection data; as AWS was seen to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asl_engine import Engine, TaskError, VirtualClock
from asl_engine import test_state as subject

Answer = dict[str, Any]
JSONATA = {"QueryLanguage": "JSONata"}
TASK = {
    **JSONATA,
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "foo", "Payload": "bar"},
    "End": True,
}
INNER = {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": True}}}
MAP = {
    **JSONATA,
    "Type": "Map",
    "Items": "{% $states.input.Values %}",
    "ItemProcessor": INNER,
    "End": True,
}
VALUES = {"Values": ["first", "second", "third"]}
MOCK_ERROR = {"errorOutput": {"error": "MockException", "cause": "Mocked."}}


def run(
    definition: Any, invoke: Callable[[str, bytes], bytes] | None = None, **members: Any
) -> Answer:
    """Test a state; `input`, `variables` and `context` are written as JSON, results decoded."""
    engine = Engine(max_workers=0, clock=VirtualClock(), lambda_invoker=invoke or _echo)
    request = {
        name: json.dumps(value) if name in {"input", "variables", "context"} else value
        for name, value in members.items()
    }
    if isinstance(request.get("mock"), list | int | str):
        request["mock"] = {"result": json.dumps(request["mock"])}
    answer = subject.test_state(
        {"definition": json.dumps(definition), "inspectionLevel": "DEBUG", **request},
        integrations=engine._registry,
        clock=engine.clock,
        account="123456789012",
        region="eu-west-1",
    )
    inspected = answer.get("inspectionData", {})
    for holder in (answer, inspected):
        for name in (
            "output",
            "input",
            "afterArguments",
            "result",
            "variables",
            "afterItemSelector",
        ):
            if name in holder:
                holder[name] = json.loads(holder[name])
    return answer


def _echo(_name: str, payload: bytes) -> bytes:
    return payload


def mocked(result: Any, **fields: Any) -> dict[str, Any]:
    return {"result": json.dumps(result), **fields}


# States that need no mock


def test_pass_shows_input_variables_and_next_state() -> None:
    state = {
        **JSONATA,
        "Type": "Pass",
        "Assign": {"n": "{% $n + 1 %}"},
        "Output": "{% $n & $states.input.a %}",
        "Next": "Elsewhere",
    }
    assert run(state, input={"a": "x"}, variables={"n": 1, "kept": [True]}) == {
        "status": "SUCCEEDED",
        "output": "1x",
        "nextState": "Elsewhere",
        "inspectionData": {"input": {"a": "x"}, "variables": {"n": 2, "kept": [True]}},
    }


def test_info_has_no_inspection_data_and_no_next_state_at_the_end() -> None:
    state = {**JSONATA, "Type": "Succeed"}
    assert run(state, inspectionLevel="INFO") == {"status": "SUCCEEDED", "output": {}}


def test_the_context_object_names_the_state_and_an_express_execution() -> None:
    answer = run({**JSONATA, "Type": "Pass", "Output": "{% $states.context %}", "End": True})
    context = answer["output"]
    assert context["State"]["Name"] == "StateName"
    assert "RetryCount" not in context["State"]
    assert context["Execution"]["Id"].startswith("arn:aws:states:eu-west-1:123456789012:express:")
    assert context["Execution"]["RoleArn"] is None
    assert set(context) == {"Execution", "State", "StateMachine"}


@pytest.mark.parametrize(("cost", "target"), [(9, "Cheap"), (10, "Dear"), (0, "Other")])
def test_choice_names_the_state_it_leads_to(cost: int, target: str) -> None:
    state = {
        **JSONATA,
        "Type": "Choice",
        "Choices": [
            {"Condition": "{% $states.input.cost >= 10 %}", "Next": "Dear"},
            {"Condition": "{% $states.input.cost > 0 %}", "Next": "Cheap"},
        ],
        "Default": "Other",
    }
    answer = run(state, input={"cost": cost})
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", target)
    assert answer["output"] == {"cost": cost}


def test_choice_without_a_match_fails() -> None:
    state = {
        **JSONATA,
        "Type": "Choice",
        "Choices": [{"Condition": "{% false %}", "Next": "A"}],
    }
    answer = run(state)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.NoChoiceMatched")
    assert "output" not in answer


def test_fail_gives_error_and_cause() -> None:
    state = {**JSONATA, "Type": "Fail", "Error": "E", "Cause": "{% $states.input.why %}"}
    assert run(state, input={"why": "so"}) == {
        "status": "FAILED",
        "error": "E",
        "cause": "so",
        "inspectionData": {"input": {"why": "so"}},
    }


def test_a_wait_is_over_at_once_unless_it_outlasts_a_test() -> None:
    state = {**JSONATA, "Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "N"}
    assert run(state, input={"s": 300})["status"] == "SUCCEEDED"
    late = run(state, input={"s": 301})
    assert (late["status"], late["error"]) == ("FAILED", "States.Timeout")


# Tasks


def test_a_task_without_a_mock_calls_its_function() -> None:
    answer = run(TASK, roleArn="arn:aws:iam::123456789012:role/r")
    result = {"ExecutedVersion": "$LATEST", "Payload": "bar", "StatusCode": 200}
    assert answer["output"] == result
    assert answer["inspectionData"] == {
        "input": {},
        "afterArguments": {"FunctionName": "foo", "Payload": "bar"},
        "result": result,
    }


def test_what_a_called_function_raises_is_retried_and_caught_by_name() -> None:
    def broken(_name: str, _payload: bytes) -> bytes:
        raise TaskError("Boom", "bang")

    caught = {**TASK, "Catch": [{"ErrorEquals": ["Boom"], "Next": "N"}]}
    answer = run(caught, broken, roleArn="arn:aws:iam::123456789012:role/r")
    assert answer["status"] == "CAUGHT_ERROR"
    assert answer["output"] == {"Error": "Boom", "Cause": "bang"}


def test_a_mocked_result_goes_through_output_and_assign() -> None:
    state = {**TASK, "Output": "{% $states.result.Payload %}", "Assign": {"v": "{% 1 %}"}}
    answer = run(state, mock=mocked({"Payload": {"deep": [1]}}))
    assert answer["output"] == {"deep": [1]}
    assert answer["inspectionData"]["result"] == {"Payload": {"deep": [1]}}
    assert answer["inspectionData"]["variables"] == {"v": 1}


def test_a_mocked_token_task_sees_the_mocked_token() -> None:
    state = {
        **TASK,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.context.Task.Token %}"},
    }
    answer = run(state, mock=mocked({"ok": 1}), context={"Task": {"Token": "abcd"}})
    assert answer["inspectionData"]["afterArguments"]["Payload"] == "abcd"
    assert answer["output"] == {"ok": 1}


def test_a_mocked_context_replaces_the_whole_context_object() -> None:
    state = {**TASK, "Output": "{% $states.context %}"}
    context = {"Execution": {"Input": {"x": 1}}, "State": {"RetryCount": 3}}
    assert run(state, mock=mocked({}), context=context)["output"] == context


def test_undefined_arguments_fail_as_in_an_execution() -> None:
    state = {**TASK, "Arguments": "{% $states.input.none %}"}
    answer = run(state, mock=mocked({}))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert answer["inspectionData"] == {"input": {}}


# Retry and Catch

RETRIED = {
    **TASK,
    "Retry": [
        {"ErrorEquals": ["MockException"], "IntervalSeconds": 1, "MaxAttempts": 5,
         "BackoffRate": 2.0},
    ],
}  # fmt: skip


def test_a_retrier_that_has_attempts_left_makes_it_retriable() -> None:
    answer = run(RETRIED, mock=MOCK_ERROR, stateConfiguration={"retrierRetryCount": 4})
    assert answer == {
        "status": "RETRIABLE",
        "error": "MockException",
        "cause": "Mocked.",
        "inspectionData": {
            "input": {},
            "afterArguments": {"FunctionName": "foo", "Payload": "bar"},
            "errorDetails": {"retryIndex": 0, "retryBackoffIntervalSeconds": 16},
        },
    }


def test_a_retrier_that_is_used_up_lets_it_fail() -> None:
    answer = run(RETRIED, mock=MOCK_ERROR, stateConfiguration={"retrierRetryCount": 5})
    assert answer["status"] == "FAILED"
    assert answer["inspectionData"]["errorDetails"] == {"retryIndex": 0}


def test_a_backoff_is_capped_and_with_jitter_the_longest_is_told() -> None:
    retrier = {**RETRIED["Retry"][0], "MaxDelaySeconds": 5, "JitterStrategy": "FULL"}
    state = {**TASK, "Retry": [{"ErrorEquals": ["Other"]}, retrier]}
    answer = run(state, mock=MOCK_ERROR, stateConfiguration={"retrierRetryCount": 4})
    details = answer["inspectionData"]["errorDetails"]
    assert details == {"retryIndex": 1, "retryBackoffIntervalSeconds": 5}


def test_the_first_catcher_that_matches_takes_the_error() -> None:
    state = {
        **TASK,
        "Catch": [
            {"ErrorEquals": ["Other"], "Next": "No"},
            {"ErrorEquals": ["MockException"], "Next": "Handle", "Assign": {"seen": True},
             "Output": "{% $states.errorOutput.Cause %}"},
            {"ErrorEquals": ["States.ALL"], "Next": "Late"},
        ],
    }  # fmt: skip
    answer = run(state, mock=MOCK_ERROR)
    assert answer["status"] == "CAUGHT_ERROR"
    assert (answer["error"], answer["cause"]) == ("MockException", "Mocked.")
    assert (answer["nextState"], answer["output"]) == ("Handle", "Mocked.")
    assert answer["inspectionData"]["errorDetails"] == {"catchIndex": 1}
    assert answer["inspectionData"]["variables"] == {"seen": True}


def test_a_catcher_that_breaks_fails_with_its_own_error() -> None:
    state = {
        **TASK,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "N", "Output": "{% $nothing %}"}],
    }
    answer = run(state, mock=MOCK_ERROR)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_states_runtime_is_not_caught() -> None:
    state = {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "N"}]}
    answer = run(state, mock={"errorOutput": {"error": "States.Runtime"}})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")
    assert "cause" not in answer


# Map and Parallel


def test_a_mocked_map_shows_its_selected_items_and_limits() -> None:
    state = {
        **MAP,
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
        "MaxConcurrency": "{% 2 %}",
        "ToleratedFailurePercentage": 50,
        "Output": "{% $count($states.result) %}",
    }
    answer = run(state, input=VALUES, mock=[1, 1, 1])
    assert answer["output"] == 3
    assert answer["inspectionData"] == {
        "input": VALUES,
        "afterItemSelector": [{"v": "first"}, {"v": "second"}, {"v": "third"}],
        "maxConcurrency": 2,
        "toleratedFailurePercentage": 50.0,
    }


def test_failed_iterations_count_only_against_a_threshold() -> None:
    without = run(MAP, input=VALUES, mock=[0, 0, 1],
                  stateConfiguration={"mapIterationFailureCount": 2})  # fmt: skip
    assert without["status"] == "SUCCEEDED"
    tolerant = {**MAP, "ToleratedFailureCount": 2}
    within = run(tolerant, input=VALUES, mock=[0, 0, 1],
                 stateConfiguration={"mapIterationFailureCount": 2})  # fmt: skip
    assert within["status"] == "SUCCEEDED"
    strict = {
        **MAP,
        "ToleratedFailureCount": 1,
        "Catch": [
            {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "TooMany"},
        ],
    }
    beyond = run(strict, input=VALUES, mock=[0, 0, 1],
                 stateConfiguration={"mapIterationFailureCount": 2})  # fmt: skip
    assert (beyond["status"], beyond["nextState"]) == ("CAUGHT_ERROR", "TooMany")
    assert beyond["cause"] == "The specified tolerated failure threshold was exceeded"
    assert beyond["inspectionData"]["toleratedFailureCount"] == 1


def test_a_mocked_error_of_an_inner_state_fails_the_map() -> None:
    answer = run(MAP, input=VALUES, mock=MOCK_ERROR,
                 stateConfiguration={"errorCausedByState": "Inner"})  # fmt: skip
    assert answer == {
        "status": "FAILED",
        "error": "MockException",
        "cause": "Mocked.",
        "inspectionData": {"input": VALUES, "maxConcurrency": 0},
    }


def test_a_mocked_parallel_gives_its_branches_results() -> None:
    state = {**JSONATA, "Type": "Parallel", "Branches": [INNER, {
        "StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}],
        "Arguments": {"x": "{% $states.input.a %}"}, "Next": "N"}  # fmt: skip
    answer = run(state, input={"a": 1}, mock=[{"one": 1}, None])
    assert answer["output"] == [{"one": 1}, None]
    assert answer["inspectionData"] == {"input": {"a": 1}, "afterArguments": {"x": 1}}


# A whole machine


MACHINE = {
    **JSONATA,
    "StartAt": "First",
    "States": {
        "First": {"Type": "Pass", "Output": "{% $states.context.State.Name %}", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "Deep",
                "States": {"Deep": {"Type": "Pass", "Output": "{% $outer %}", "End": True}},
            },
            "End": True,
        },
    },
}


def test_a_state_of_a_machine_is_found_by_its_name_at_any_depth() -> None:
    first = run(MACHINE, stateName="First")
    assert (first["output"], first["nextState"]) == ("First", "Each")
    deep = run(MACHINE, stateName="Deep", variables={"outer": 7})
    assert (deep["output"], "nextState" in deep) == (7, False)


def test_a_task_that_takes_too_long_times_out() -> None:
    import threading

    release = threading.Event()

    def slow(_name: str, payload: bytes) -> bytes:
        release.wait(10)
        return payload

    state = {**TASK, "TimeoutSeconds": 1}
    try:
        answer = run(state, slow, roleArn="arn:aws:iam::123456789012:role/r")
    finally:
        release.set()
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")
