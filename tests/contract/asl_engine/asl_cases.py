"""Small machines over every state type and error path, with their inputs and stubs."""

from __future__ import annotations

from typing import Any

from asl_engine import TaskError
from asl_oracles import payload

INVOKE = "arn:aws:states:::lambda:invoke"


def task(**fields: Any) -> dict[str, Any]:
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        **fields,
    }
    return state if "Next" in state else {**state, "End": True}


def states(start: str, **named: Any) -> dict[str, Any]:
    return {"StartAt": start, "States": named}


def machine(start: str, **named: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", **states(start, **named)}


def passing(output: Any, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Pass", "Output": output, **fields}
    return state if "Next" in state else {**state, "End": True}


END = {"Type": "Succeed"}
FLAKY = TaskError("Flaky", "try again")
BAD = TaskError("Bad", "no good")
Case = tuple[dict[str, Any], Any, dict[str, Any]]


def retry(*names: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(names), **fields}


def catch(target: str, *names: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(names), "Next": target, **fields}


def caught_machine(state: dict[str, Any], *catchers: dict[str, Any]) -> dict[str, Any]:
    state = {key: value for key, value in state.items() if key != "End"}
    return machine(
        "T",
        T={**state, "Next": "Done", "Catch": list(catchers)},
        Done={"Type": "Succeed", "Output": "{% ['done', $states.input] %}"},
        Caught={"Type": "Succeed", "Output": "{% ['caught', $states.input] %}"},
    )


def parallel(*branches: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def mapping(processor: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": processor, **fields}


CASES: dict[str, Case] = {
    "pass": (machine("P", P={"Type": "Pass", "End": True}), {"a": 1}, {}),
    "pass-output": (machine("P", P=passing({"b": ["{% $states.input.a %}"]})), {"a": None}, {}),
    "assign-then-read": (
        machine(
            "A",
            A=passing("{% $states.input.a + 1 %}", Assign={"x": "{% $states.input.a %}"}, Next="B"),
            B=passing({"in": "{% $states.input %}", "x": "{% $x %}"}, Assign={"x": "{% $x * 2 %}"},
                      Next="C"),
            C=passing("{% [$states.input, $x] %}"),
        ),
        {"a": 5},
        {},
    ),
    "assign-is-old-in-output": (
        machine(
            "A",
            A=passing(1, Assign={"x": 1}, Next="B"),
            B=passing("{% $x %}", Assign={"x": 2, "y": "{% $x %}"}, Next="C"),
            C=passing("{% [$states.input, $x, $y] %}"),
        ),
        {},
        {},
    ),
    "succeed-output": (machine("S", S={"Type": "Succeed", "Output": "{% 'done' %}"}), {}, {}),
    "fail": (machine("F", F={"Type": "Fail", "Error": "E", "Cause": "c"}), {}, {}),
    "fail-computed": (
        machine("F", F={"Type": "Fail", "Error": "{% $states.input.e %}",
                        "Cause": "{% 'x' & 1 %}"}),
        {"e": "Custom"},
        {},
    ),
    "choice-rule": (
        machine(
            "C",
            C={
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.n < 0 %}", "Next": "Low"},
                    {"Condition": "{% $states.input.n > 5 %}", "Next": "High",
                     "Output": {"n": "{% $states.input.n %}"}, "Assign": {"seen": True}},
                ],
                "Default": "Low",
                "Output": "not used",
            },
            High=passing("{% [$states.input, $seen] %}"),
            Low=passing("low"),
        ),
        {"n": 9},
        {},
    ),
    "choice-default": (
        machine(
            "C",
            C={"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "A"}],
               "Default": "B", "Output": "from the state", "Assign": {"d": 1}},
            A=passing("a"),
            B=passing("{% [$states.input, $d] %}"),
        ),
        {},
        {},
    ),
    "choice-none": (
        machine("C", C={"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "A"}]},
                A=passing("a")),
        {},
        {},
    ),
    "choice-not-boolean": (
        machine("C", C={"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "A"}],
                        "Default": "A"}, A=passing("a")),
        {},
        {},
    ),
    "wait": (
        machine("W", W={"Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "P"},
                P=passing("{% $states.input %}")),
        {"s": 3},
        {},
    ),
    "wait-timestamp": (
        machine("W", W={"Type": "Wait", "Timestamp": "{% $states.input.t %}", "Output": "late",
                        "End": True}),
        {"t": "2026-01-01T00:00:10Z"},
        {},
    ),
    "wait-negative": (
        machine("W", W={"Type": "Wait", "Seconds": "{% -1 %}", "End": True}), {}, {}),
    "wait-bad-timestamp": (
        machine("W", W={"Type": "Wait", "Timestamp": "{% 'soon' %}", "End": True}), {}, {}),
    "task": (machine("T", T=task()), {"n": 1}, {"T": payload({"ok": True})}),
    "task-envelope": (
        machine("T", T={k: v for k, v in task().items() if k != "Output"}),
        {"n": 1},
        {"T": payload([1])},
    ),
    "task-assign": (
        machine("T", T=task(Assign={"code": "{% $states.result.StatusCode %}"}, Next="P"),
                P=passing("{% [$code, $states.input] %}")),
        {},
        {"T": payload("x")},
    ),
    "task-fails": (machine("T", T=task()), {}, {"T": BAD}),
    "retry-then-success": (
        machine("T", T=task(Retry=[retry("Flaky")])), {}, {"T": [FLAKY, FLAKY, payload(1)]}),
    "retry-exhausted": (
        machine("T", T=task(Retry=[retry("Flaky", MaxAttempts=2)])), {}, {"T": FLAKY}),
    "retry-other-error": (machine("T", T=task(Retry=[retry("Other")])), {}, {"T": BAD}),
    "retry-two-retriers": (
        machine("T", T=task(Retry=[retry("Flaky", MaxAttempts=1), retry("States.ALL",
                                                                        MaxAttempts=1)])),
        {},
        {"T": [FLAKY, BAD, FLAKY, payload(1)]},
    ),
    "retry-counts-in-arguments": (
        machine("T", T=task(
            Arguments={"FunctionName": "f", "Payload": "{% $states.context.State.RetryCount %}"},
            Retry=[retry("States.ALL")])),
        {},
        {"T": [FLAKY, BAD, payload("third")]},
    ),
    "catch": (
        caught_machine(task(), catch("Done", "Other"), catch("Caught", "Bad")),
        {"n": 1},
        {"T": BAD},
    ),
    "catch-output-and-assign": (
        machine(
            "T",
            T={**task(Next="C"), "Catch": [catch(
                "C", "States.ALL", Assign={"e": "{% $states.errorOutput.Error %}"},
                Output={"kept": "{% $states.input.n %}",
                        "cause": "{% $states.errorOutput.Cause %}"})]},
            C=passing("{% [$states.input, $e] %}"),
        ),
        {"n": 1},
        {"T": BAD},
    ),
    "catch-after-retries": (
        caught_machine(task(Retry=[retry("Flaky", MaxAttempts=1)]), catch("Caught", "States.ALL")),
        {},
        {"T": FLAKY},
    ),
    "catch-task-failed": (
        caught_machine(task(), catch("Caught", "States.TaskFailed")), {}, {"T": BAD}),
    "task-failed-is-not-timeout": (
        caught_machine(task(), catch("Caught", "States.TaskFailed")),
        {},
        {"T": TaskError("States.Timeout", "")},
    ),
    "catch-timeout": (
        caught_machine(task(TimeoutSeconds=5), catch("Caught", "States.Timeout",
                                                     Output="{% $states.errorOutput.Error %}")),
        {},
        {"T": TaskError("States.Timeout", "")},
    ),
    "runtime-is-not-caught": (
        caught_machine(task(Retry=[retry("States.ALL")]), catch("Caught", "States.ALL")),
        {},
        {"T": TaskError("States.Runtime", "x")},
    ),
    "undefined-argument": (
        caught_machine(task(Arguments={"FunctionName": "f", "Payload": "{% $states.input.no %}"}),
                       catch("Caught", "States.QueryEvaluationError",
                             Output="{% $states.errorOutput.Error %}")),
        {},
        {},
    ),
    "undefined-output": (
        caught_machine(task(Output="{% $states.result.Payload.no %}"),
                       catch("Caught", "States.ALL", Output="{% $states.errorOutput.Error %}")),
        {},
        {"T": payload({})},
    ),
    "undefined-is-not-task-failed": (
        caught_machine(task(Output="{% $states.result.Payload.no %}"),
                       catch("Caught", "States.TaskFailed")),
        {},
        {"T": payload({})},
    ),
    "evaluation-error-is-retried": (
        machine("T", T=task(Output="{% $states.result.Payload.n %}",
                            Retry=[retry("States.QueryEvaluationError", MaxAttempts=1)])),
        {},
        {"T": [payload({}), payload({"n": 2})]},
    ),
    "undefined-in-pass": (machine("P", P=passing("{% $states.input.none %}")), {}, {}),
    "parallel": (
        machine("P", P=parallel(
            states("A", A=passing("{% $states.input.n + 1 %}")),
            states("B", B=task()), End=True)),
        {"n": 1},
        {"B": payload("b")},
    ),
    "parallel-arguments-output-assign": (
        machine(
            "S",
            S=passing("{% $states.input %}", Assign={"outer": 7}, Next="P"),
            P=parallel(
                states("A", A=passing(1, Assign={"inner": "{% $outer %}"}, Next="A2"),
                       A2=passing("{% [$states.input, $inner] %}")),
                states("B", B=task()),
                Arguments={"n": "{% $states.input.n * 2 %}"},
                Assign={"first": "{% $states.result[0] %}"},
                Output="{% $states.result[1] %}",
                Next="E"),
            E=passing("{% [$states.input, $first, $outer] %}"),
        ),
        {"n": 4},
        {"B": lambda call: payload(call.arguments["Payload"])},
    ),
    "parallel-fails": (
        machine("P", P=parallel(
            states("A", A=task()),
            states("B", B={"Type": "Fail", "Error": "Inner", "Cause": "c"}), End=True)),
        {},
        {"A": payload(1)},
    ),
    "parallel-caught": (
        caught_machine(parallel(states("A", A=task()), states("B", B=task())),
                       catch("Caught", "Bad", Output="{% $states.errorOutput %}")),
        {},
        {"A": payload(1), "B": BAD},
    ),
    "parallel-retried": (
        machine("P", P=parallel(states("A", A=task()), states("B", B=task()),
                                Retry=[retry("Flaky")], End=True)),
        {"n": 1},
        {"A": payload("a"), "B": [FLAKY, payload("b")]},
    ),
    "map": (
        machine("M", M=mapping(states("I", I=passing("{% $states.input * 2 %}")), End=True)),
        [1, 2, 3],
        {},
    ),
    "map-items-selector": (
        machine("M", M=mapping(
            states("I", I=task()),
            Items="{% $states.input.list %}",
            ItemSelector={"i": "{% $states.context.Map.Item.Index %}",
                          "v": "{% $states.context.Map.Item.Value %}",
                          "all": "{% $count($states.input.list) %}"},
            Output="{% {'n': $count($states.result), 'all': $states.result} %}",
            End=True)),
        {"list": ["a", "b"]},
        {"I": lambda call: payload(call.arguments["Payload"])},
    ),
    "map-empty": (
        machine("M", M=mapping(states("I", I=task()), End=True)), [], {}),
    "map-not-an-array": (
        machine("M", M=mapping(states("I", I=passing(1)), Items="{% 'a' %}", End=True)), {}, {}),
    "map-iteration-fails": (
        caught_machine(mapping(states("I", I=task()), MaxConcurrency=1),
                       catch("Caught", "Bad", Output="{% $states.errorOutput %}")),
        [1, 2, 3],
        {"I": [payload(1), BAD]},
    ),
    "map-in-parallel-in-map": (
        machine("M", M=mapping(
            states("P", P=parallel(
                states("In", In=mapping(states("X", X=passing("{% $states.input + 1 %}")),
                                        End=True)),
                states("Ix", Ix=passing("{% $exists($states.context.Map) %}")), End=True)),
            End=True)),
        [[1, 2], [3, 4]],
        {},
    ),
    "wait-for-token": (
        machine("T", T={
            "Type": "Task",
            "Resource": INVOKE + ".waitForTaskToken",
            "Arguments": {"FunctionName": "f",
                          "Payload": {"token": "{% $states.context.Task.Token %}"}},
            "End": True}),
        {},
        {"T": {"approved": True}},
    ),
    "child": (
        machine("T", T={
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Arguments": {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:c",
                          "Input": {"n": "{% $states.input.n %}"}},
            "Output": "{% $states.result.Output %}",
            "End": True}),
        {"n": 1},
        {"T": {"Output": {"m": 2}, "Status": "SUCCEEDED"}},
    ),
    "put-events": (
        machine("T", T={
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Arguments": {"Entries": [{"Source": "s", "DetailType": "d", "EventBusName": "b",
                                       "Detail": "{% $states.input %}"}]},
            "Output": "{% $states.result.FailedEntryCount %}",
            "End": True}),
        {"n": 1},
        {"T": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}},
    ),
    "functions": (
        machine("P", P=passing({
            "parsed": "{% $parse('{\"a\": [1, null]}') %}",
            "range": "{% $range(1, 7, 3) %}",
            "parts": "{% $partition([1,2,3,4,5], 2) %}",
            "hash": "{% $hash('abc', 'SHA-256') %}",
            "sum": "{% $sum($map($states.input.l, function($v) { $v * 2 })) %}",
            "null": "{% null %}",
            "one": "{% $states.input.l[$ > 2] %}",
        })),
        {"l": [1, 2, 3]},
        {},
    ),
    "loop": (
        machine(
            "Init",
            Init=passing("{% $states.input %}", Assign={"i": 0}, Next="More"),
            More={"Type": "Choice", "Choices": [{"Condition": "{% $i < 3 %}", "Next": "Work"}],
                  "Default": "End", "Output": "{% $states.input %}"},
            Work=task(Arguments={"FunctionName": "f", "Payload": "{% $i %}"},
                      Assign={"i": "{% $i + 1 %}"}, Next="More"),
            End=passing("{% {'i': $i, 'last': $states.input} %}"),
        ),
        {},
        {"Work": lambda call: payload(call.arguments["Payload"] * 10)},
    ),
    "state-level-language": (
        {"QueryLanguage": "JSONata", "StartAt": "A",
         "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}",
                          "End": True}}},
        {},
        {},
    ),
}  # fmt: skip
