"""Each state type by itself, on the engine."""

from __future__ import annotations

from typing import Any

import pytest
from asl_engine import Execution
from asl_world import World, fails, machine, one, scope, task

BIG = "x" * 262_144


def run(body: dict[str, Any], value: Any = None, **functions: Any) -> Execution:
    return World(**functions).run(machine(body), value)


def outcome(execution: Execution) -> tuple[str, Any]:
    return execution.status, execution.output if execution.error is None else execution.error


def passes(output: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Output": output, **fields}


def test_pass_gives_its_input_or_its_output() -> None:
    assert run(one({"Type": "Pass", "End": True}), {"a": [1, None]}).output == {"a": [1, None]}
    assert run(one(passes({"b": "{% $states.input.a %}"}, End=True)), {"a": 1}).output == {"b": 1}
    assert run(one(passes(None, End=True))).output is None


def test_succeed_ends_with_its_output() -> None:
    assert run(one({"Type": "Succeed", "Output": "{% 1 + 1 %}"})).output == 2


@pytest.mark.parametrize(
    ("fields", "error", "cause"),
    [
        ({"Error": "Bad", "Cause": "because"}, "Bad", "because"),
        ({"Error": "{% 'B' & $states.input.n %}", "Cause": "{% $states.input.c %}"}, "B1", "c"),
        ({}, None, None),
    ],
)
def test_fail_ends_with_error_and_cause(fields: Any, error: str | None, cause: str | None) -> None:
    execution = run(one({"Type": "Fail", **fields}), {"n": 1, "c": "c"})
    assert (execution.status, execution.error, execution.cause) == ("FAILED", error, cause)


def test_fail_with_an_error_that_is_no_text_is_an_evaluation_error() -> None:
    execution = run(one({"Type": "Fail", "Error": "{% 1 %}"}))
    assert execution.error == "States.QueryEvaluationError"


def test_assign_is_seen_later_but_not_by_the_same_state() -> None:
    body = scope(
        ("A", passes(1, Assign={"x": 1})),
        ("B", passes("{% $x %}", Assign={"x": "{% $x + 1 %}", "y": "{% $x %}"})),
        ("C", passes("{% [$states.input, $x, $y] %}")),
    )
    assert run(body).output == [1, 2, 1]


def test_assign_of_nothing_is_an_evaluation_error() -> None:
    execution = run(scope(("A", passes(1, Assign={"x": "{% $states.input.none %}"}))), {})
    assert execution.error == "States.QueryEvaluationError"
    assert "'A'" in (execution.cause or "")


def choice(*rules: Any, **fields: Any) -> dict[str, Any]:
    return {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": list(rules), **fields},
            "Yes": {"Type": "Succeed", "Output": "{% ['yes', $states.input] %}"},
            "No": {"Type": "Succeed", "Output": "{% ['no', $states.input] %}"},
        },
    }


def test_choice_takes_the_first_rule_that_matches() -> None:
    yes = {"Condition": "{% $states.input.n > 1 %}", "Next": "Yes", "Output": "rule"}
    body = choice(yes, Default="No", Output="default")
    assert run(body, {"n": 2}).output == ["yes", "rule"]
    assert run(body, {"n": 1}).output == ["no", "default"]
    literal = choice({"Condition": True, "Next": "Yes"}, Default="No")
    assert run(literal, 5).output == ["yes", 5]


def test_choice_without_a_match_or_a_boolean_fails() -> None:
    no = {"Condition": "{% false %}", "Next": "Yes"}
    assert run(choice(no, {**no, "Next": "No"})).error == "States.NoChoiceMatched"
    odd = {"Condition": "{% $states.input.n %}", "Next": "Yes"}
    execution = run(choice(odd, Default="No"), {"n": "true"})
    assert execution.error == "States.QueryEvaluationError"


def test_wait_by_seconds_and_by_timestamp() -> None:
    world = World()
    built = machine(
        scope(
            ("A", {"Type": "Wait", "Seconds": "{% $states.input.s %}"}),
            ("B", {"Type": "Wait", "Timestamp": "{% $states.input.t %}", "Output": "done"}),
        )
    )
    value = {"s": 30, "t": "2026-01-01T00:01:00.5Z"}
    assert world.run(built, value).output == "done"
    assert world.clock.now() - 1_767_225_600.0 == pytest.approx(60.5)
    # A time that has passed does not wait.
    assert world.run(built, {"s": 0, "t": "2020-01-01T00:00:00+01:00"}).output == "done"


@pytest.mark.parametrize(
    "fields",
    [
        {"Seconds": "{% -1 %}"},
        {"Seconds": "{% 1.5 %}"},
        {"Seconds": "{% '1' %}"},
        {"Seconds": "{% true %}"},
        {"Timestamp": "{% 'tomorrow' %}"},
        {"Timestamp": "{% '2026-13-01T00:00:00Z' %}"},
        {"Timestamp": "{% '2026-01-01T00:00:00' %}"},
        {"Timestamp": "{% 5 %}"},
    ],
)
def test_wait_for_what_is_no_time_is_an_evaluation_error(fields: Any) -> None:
    execution = run(one({"Type": "Wait", **fields, "End": True}))
    assert execution.error == "States.QueryEvaluationError"


def parallel(*branches: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **fields, "End": True}


def test_parallel_joins_in_order_and_reads_outer_variables() -> None:
    body = scope(
        ("Set", passes("{% $states.input %}", Assign={"x": 10})),
        (
            "Both",
            parallel(
                scope(("A1", passes("{% $states.input + $x %}", Assign={"mine": 1})),
                      ("A2", passes("{% $states.input + $mine %}"))),
                scope(("B1", passes("{% $states.input %}"))),
                Arguments="{% $states.input.n %}",
                Assign={"x": "{% $states.result[0] %}"},
            ),
        ),
        ("End", passes("{% {'result': $states.input, 'x': $x} %}")),
    )  # fmt: skip
    assert run(body, {"n": 1}).output == {"result": [12, 1], "x": 12}


def test_parallel_fails_fast_and_can_be_caught() -> None:
    body = {
        "StartAt": "P",
        "States": {
            "P": {
                **parallel(
                    scope(("Waits", {"Type": "Wait", "Seconds": 1000})),
                    scope(("Fails", {"Type": "Fail", "Error": "Custom", "Cause": "c"})),
                ),
                "Catch": [{"ErrorEquals": ["Custom"], "Next": "Caught"}],
            },
            "Caught": {"Type": "Succeed"},
        },
    }
    world = World()
    execution = world.run(machine(body))
    assert execution.output == {"Error": "Custom", "Cause": "c"}
    assert world.clock.slept == []
    assert world.types(execution)[-7:] == [
        "FailStateEntered",
        "WaitStateAborted",
        "ParallelStateFailed",
        "ParallelStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]


def test_parallel_is_retried_as_a_whole() -> None:
    world = World(good=lambda value: value, flaky=fails("Flaky", times=1))
    state = parallel(
        scope(("Good", task("good"))),
        scope(("Bad", task("flaky"))),
        Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 2}],
    )
    execution = world.run(machine(one(state)), {"n": 1})
    assert execution.output == [{"n": 1}, {"n": 1}]
    assert world.count() == {"good": 2, "flaky": 2}
    assert world.clock.slept == [pytest.approx(2)]


def each(processor: Any, **fields: Any) -> dict[str, Any]:
    return one({"Type": "Map", "ItemProcessor": processor, "End": True, **fields})


DOUBLE = scope(("D", passes("{% $states.input * 2 %}")))


def test_map_over_input_items_and_selected_items() -> None:
    assert run(each(DOUBLE), [1, 2, 3]).output == [2, 4, 6]
    assert run(each(DOUBLE, Items="{% $states.input.list %}"), {"list": [4]}).output == [8]
    assert run(each(DOUBLE, Items=[1, "{% 1 + 1 %}"])).output == [2, 4]
    selector = {
        "i": "{% $states.context.Map.Item.Index %}",
        "v": "{% $states.context.Map.Item.Value %}",
        "n": "{% $states.input.n %}",
    }
    same = scope(("S", passes("{% [$states.input, $exists($states.context.Map)] %}")))
    execution = run(each(same, Items="{% ['a'] %}", ItemSelector=selector), {"n": 9})
    assert execution.output == [[{"i": 0, "v": "a", "n": 9}, False]]
    assert run(each(DOUBLE), []).output == []


def test_map_over_what_is_no_array_is_an_evaluation_error() -> None:
    assert run(each(DOUBLE), {"a": 1}).error == "States.QueryEvaluationError"
    execution = run(each(DOUBLE, Items="{% 'abc' %}"))
    assert execution.error == "States.QueryEvaluationError"


def test_map_fails_fast_with_the_iterations_error() -> None:
    def picky(value: Any) -> Any:
        if value == 2:
            raise KeyError("two")
        return value

    world = World(picky=picky)
    body = each(scope(("T", task("picky"))), MaxConcurrency=1)
    execution = world.run(machine(body), [1, 2, 3])
    assert (execution.status, execution.error) == ("FAILED", "KeyError")
    assert world.calls == [("picky", 1), ("picky", 2)]
    types = world.types(execution)
    assert types[-3:] == ["MapIterationFailed", "MapStateFailed", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("fields", "failing", "status"),
    [
        ({"ToleratedFailureCount": 1}, 1, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 2, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": "{% 25 + 24 %}"}, 2, "FAILED"),
        ({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 25}, 2, "FAILED"),
    ],
)
def test_map_tolerates_failures(fields: Any, failing: int, status: str) -> None:
    def below(value: int) -> int:
        if value < failing:
            raise ValueError(value)
        return value

    world = World(below=below)
    body = each(scope(("T", task("below"))), **fields)
    execution = world.run(machine(body), [0, 1, 2, 3])
    assert execution.status == status
    if status == "FAILED":
        assert execution.error == "States.ExceedToleratedFailureThreshold"
    else:
        assert [item["Status"] if isinstance(item, dict) else item for item in execution.output][
            failing:
        ] == [0, 1, 2, 3][failing:]
        assert execution.output[0]["Error"] == "ValueError"


def test_maps_and_parallels_nest() -> None:
    inner = {"Type": "Map", "ItemProcessor": scope(("In", passes("{% $states.input + $o %}")))}
    body = scope(
        ("O", passes("{% $states.input %}", Assign={"o": 100})),
        (
            "Outer",
            {
                "Type": "Map",
                "ItemProcessor": scope(
                    ("Par", parallel(scope(("Inner", inner)),
                                     scope(("Count", passes("{% $count($states.input) %}")))))
                ),
            },
        ),
    )  # fmt: skip
    assert run(body, [[1, 2], [3]]).output == [[[101, 102], 2], [[103], 1]]


def test_data_above_the_limit_is_refused_by_its_own_name_only() -> None:
    grow = passes("{% $states.input & $states.input %}")
    half = "y" * 131_100
    assert run(scope(("Grow", grow)), half).error == "States.DataLimitExceeded"
    world = World(big=lambda value: BIG)
    handlers = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    body = {
        "StartAt": "T",
        "States": {"T": {**task("big", "x"), "Catch": handlers}, "Caught": {"Type": "Succeed"}},
    }
    assert world.run(machine(body)).error == "States.DataLimitExceeded"
    handlers[0]["ErrorEquals"] = ["States.DataLimitExceeded"]
    assert world.run(machine(body)).status == "SUCCEEDED"
    keep = {"a": "{% $states.input %}", "b": "{% $states.input & '!' %}"}
    assert run(scope(("Keep", passes(1, Assign=keep))), half).error == "States.DataLimitExceeded"
    inner = scope(("P", passes("z" * 100_000)))
    grown = {"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": inner}
    assert run(one({**grown, "End": True})).error == "States.DataLimitExceeded"


def test_an_execution_that_takes_too_long_is_timed_out() -> None:
    world = World()
    built = machine(one({"Type": "Wait", "Seconds": 100, "End": True}), TimeoutSeconds=30)
    execution = world.run(built)
    assert (execution.status, execution.error) == ("TIMED_OUT", "States.Timeout")
    assert world.clock.slept == [pytest.approx(30)]
    assert world.types(execution)[-1] == "ExecutionTimedOut"


def test_the_context_object() -> None:
    world = World(f=fails("Flaky", times=1))
    retry = [{"ErrorEquals": ["Flaky"]}]
    state = task("f", "{% $states.context %}", Retry=retry)
    world.run(machine(one(state), name="ctx"), {"a": 1}, name="run-1")
    first, second = (payload for _, payload in world.calls)
    arn = "arn:aws:states:us-east-1:000000000000:execution:ctx:run-1"
    assert first["Execution"] == {
        "Id": arn,
        "Input": {"a": 1},
        "Name": "run-1",
        "RoleArn": "arn:aws:iam::000000000000:role/asl-engine",
        "StartTime": "2026-01-01T00:00:00.000Z",
        "RedriveCount": 0,
    }
    assert first["State"] == {
        "EnteredTime": "2026-01-01T00:00:00.000Z",
        "Name": "Only",
        "RetryCount": 0,
    }
    assert second["State"]["RetryCount"] == 1
    assert first["StateMachine"] == {
        "Id": "arn:aws:states:us-east-1:000000000000:stateMachine:ctx",
        "Name": "ctx",
    }
    assert "Task" not in first


def test_unicode_and_odd_values_pass_unchanged() -> None:
    value = {"é": "\U0001f600\u2028", "n": 1.5, "big": 2**53 - 1, "deep": [[[[{}]]]], "": ""}
    world = World(f=lambda v: v)
    built = machine(scope(("P", {"Type": "Pass"}), ("T", task("f"))))
    assert world.run(built, value).output == value
