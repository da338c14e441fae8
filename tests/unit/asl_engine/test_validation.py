"""Validation of definitions: what is refused, with which code, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from asl_engine.validation import Diagnostic, validate
from hypothesis import given
from hypothesis import strategies as st

INVOKE = "arn:aws:states:::lambda:invoke"
PASS = {"Type": "Pass", "End": True}


def machine(states: dict[Any, Any], start: str = "A", **more: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": start, "States": states, **more}


def one(**state: Any) -> dict[str, Any]:
    return machine({"A": {"End": True, **state}})


def task(**state: Any) -> dict[str, Any]:
    return one(Type="Task", Resource=INVOKE, **state)


def then(**state: Any) -> dict[str, Any]:
    """A machine whose state A goes on to B."""
    return machine({"A": state, "B": PASS})


def found(definition: Any, **options: Any) -> list[tuple[str, str, str]]:
    return [(d.severity, d.code, d.location) for d in validate(definition, **options)]


def errors(definition: Any, **options: Any) -> list[Diagnostic]:
    return [d for d in validate(definition, **options) if d.severity == "ERROR"]


EVERYTHING = machine(
    {
        "A": {
            "Type": "Task",
            "Comment": "c",
            "Resource": INVOKE,
            "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
            "TimeoutSeconds": "{% $states.input.t %}",
            "HeartbeatSeconds": 5,
            "Credentials": {"RoleArn": "{% $states.input.role %}"},
            "Assign": {"x": "{% $states.result.Payload %}"},
            "Output": "{% $states.result %}",
            "Retry": [
                {
                    "ErrorEquals": ["States.TaskFailed", "Custom"],
                    "IntervalSeconds": 1,
                    "MaxAttempts": 0,
                    "BackoffRate": 1.5,
                    "MaxDelaySeconds": 10,
                    "JitterStrategy": "FULL",
                    "Comment": "c",
                },
                {"ErrorEquals": ["States.ALL"]},
            ],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Next": "Failed",
                    "Assign": {"why": "{% $states.errorOutput.Cause %}"},
                    "Output": "{% $states.errorOutput %}",
                    "Comment": "c",
                }
            ],
            "Next": "B",
        },
        "B": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $x > 1 %}",
                    "Next": "C",
                    "Assign": {"y": 1},
                    "Output": {"a": 1},
                    "Comment": "c",
                },
                {"Condition": True, "Next": "W"},
            ],
            "Default": "P",
        },
        "C": {
            "Type": "Map",
            "Items": "{% $x %}",
            "ItemSelector": {"i": "{% $states.context.Map.Item.Value %}", "y": "{% $y %}"},
            "MaxConcurrency": 0,
            "ToleratedFailureCount": "{% $y %}",
            "ToleratedFailurePercentage": 12.5,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "C1",
                "States": {"C1": {**PASS, "Output": "{% $x %}"}},
            },
            "Output": "{% $states.result %}",
            "Next": "P",
        },
        "P": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "P1", "States": {"P1": {"Type": "Succeed", "Output": 1}}},
                {"StartAt": "P2", "States": {"P2": PASS}, "Comment": "c"},
            ],
            "Arguments": "{% $states.input %}",
            "Assign": {"both": "{% $states.result %}"},
            "Next": "W",
        },
        "W": {"Type": "Wait", "Seconds": "{% 1 + 1 %}", "Next": "W2"},
        "W2": {"Type": "Wait", "Timestamp": "2026-01-31T12:00:00.5+02:00", "End": True},
        "Failed": {"Type": "Fail", "Error": "E", "Cause": "{% $why %}"},
    },
    Comment="c",
    TimeoutSeconds=10,
    Version="1.0",
)


def test_the_whole_language_is_accepted() -> None:
    assert validate(EVERYTHING) == []
    assert validate(json.dumps(EVERYTHING)) == []
    assert validate(json.dumps(EVERYTHING).encode()) == []


S = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
LANGUAGE = "UNSUPPORTED_QUERY_LANGUAGE"
EXPRESSION = "INVALID_JSONATA_EXPRESSION"
BRANCH = {"StartAt": "X", "States": {"X": PASS}}


@pytest.mark.parametrize(
    ("definition", "code", "location"),
    [
        # The machine.
        ({"StartAt": "A", "States": {"A": PASS}}, LANGUAGE, ""),
        (machine({"A": PASS}) | {"QueryLanguage": "JSONPath"}, LANGUAGE, "/QueryLanguage"),
        (one(Type="Pass", QueryLanguage="JSONPath"), LANGUAGE, "/States/A/QueryLanguage"),
        ({"QueryLanguage": "JSONata", "States": {"A": PASS}}, S, ""),
        ({"QueryLanguage": "JSONata", "StartAt": "A"}, S, ""),
        (machine({}), S, "/States"),
        (machine({"A": 1}), S, "/States/A"),
        (machine({"A": PASS}, start="Z"), TARGET, "/StartAt"),
        (machine({"A": PASS}, start=" "), S, "/StartAt"),
        (machine({"A": PASS}, Timeout=3), S, "/Timeout"),
        (machine({"A": PASS}, TimeoutSeconds=0), S, "/TimeoutSeconds"),
        (machine({"A": PASS}, TimeoutSeconds="{% 1 %}"), S, "/TimeoutSeconds"),
        (machine({"A": PASS}, Version="2.0"), S, "/Version"),
        # Names.
        (machine({" ": PASS}, start=" "), S, "/States/ "),
        (machine({"N" * 81: PASS}, start="N" * 81), S, f"/States/{'N' * 81}"),
        (machine({"A": PASS, False: PASS}), S, "/States/False"),
        (one(Type="Parallel", Branches=[{"StartAt": "A", "States": {"A": PASS}}]),
         "DUPLICATE_STATE_NAME", "/States/A/Branches/0/States/A"),
        (one(Type="Parallel", Branches=[BRANCH, BRANCH]),
         "DUPLICATE_STATE_NAME", "/States/A/Branches/1/States/X"),
        # Types and fields.
        (machine({"A": {"End": True}}), S, "/States/A/Type"),
        (one(Type="Tusk"), S, "/States/A/Type"),
        (one(Type=["Pass"]), S, "/States/A/Type"),
        (one(Type="Pass", Comment=1), S, "/States/A/Comment"),
        (one(Type="Pass", Arguments={}), S, "/States/A/Arguments"),
        (one(Type="Pass", Retry=[]), S, "/States/A/Retry"),
        (one(Type="Pass", InputPath="$"), LANGUAGE, "/States/A/InputPath"),
        (one(Type="Pass", Result=1), LANGUAGE, "/States/A/Result"),
        (task(Parameters={}), LANGUAGE, "/States/A/Parameters"),
        (task(ResultSelector={}), LANGUAGE, "/States/A/ResultSelector"),
        (task(TimeoutSecondsPath="$.t"), LANGUAGE, "/States/A/TimeoutSecondsPath"),
        # Ends and transitions.
        (machine({"A": {"Type": "Pass"}}), S, "/States/A"),
        (machine({"A": {**PASS, "Next": "A"}}), S, "/States/A"),
        (one(Type="Pass") | {"States": {"A": {"Type": "Pass", "End": False}}}, S, "/States/A/End"),
        (one(Type="Succeed"), S, "/States/A/End"),
        (machine({"A": {"Type": "Succeed", "Next": "B"}, "B": PASS}), S, "/States/A/Next"),
        (machine({"A": {"Type": "Fail", "Next": "B"}, "B": PASS}), S, "/States/A/Next"),
        (machine({"A": {"Type": "Fail", "Output": 1}}), S, "/States/A/Output"),
        (machine({"A": {"Type": "Succeed", "Assign": {}}}), S, "/States/A/Assign"),
        (machine({"A": {"Type": "Pass", "Next": "Nowhere"}}), TARGET, "/States/A/Next"),
        (machine({"A": {"Type": "Pass", "Next": False}, "B": PASS}), S, "/States/A/Next"),
        (machine({"A": PASS, "B": PASS}), TARGET, "/States/B"),
        (machine({"A": {"Type": "Pass", "Next": "A"}}), "MISSING_END_STATE", "/States"),
        # Choice.
        (machine({"A": {"Type": "Choice", "Choices": []}}), S, "/States/A/Choices"),
        (then(Type="Choice", Choices=[{"Condition": "{% true %}", "Next": "B"}], Next="B"),
         S, "/States/A/Next"),
        (then(Type="Choice", Choices=[{"Condition": "{% true %}", "Next": "B"}], End=True),
         S, "/States/A/End"),
        (then(Type="Choice", Choices=[{"Condition": "true", "Next": "B"}]),
         S, "/States/A/Choices/0/Condition"),
        (then(Type="Choice", Choices=[{"Next": "B"}]), S, "/States/A/Choices/0"),
        (then(Type="Choice", Choices=[1], Default="B"), S, "/States/A/Choices/0"),
        (then(Type="Choice", Choices=[{"Condition": True, "Next": "Q"}], Default="B"),
         TARGET, "/States/A/Choices/0/Next"),
        (then(Type="Choice", Choices=[{"Condition": True, "Next": "B"}], Default="Q"),
         TARGET, "/States/A/Default"),
        (then(Type="Choice", Choices=[{"Variable": "$.x", "StringEquals": "y", "Next": "B"}]),
         LANGUAGE, "/States/A/Choices/0/StringEquals"),
        # Wait.
        (one(Type="Wait"), S, "/States/A"),
        (one(Type="Wait", Seconds=1, Timestamp="2026-01-01T00:00:00Z"), S, "/States/A"),
        (one(Type="Wait", Seconds=-1), S, "/States/A/Seconds"),
        (one(Type="Wait", Seconds=1.5), S, "/States/A/Seconds"),
        (one(Type="Wait", Seconds=True), S, "/States/A/Seconds"),
        (one(Type="Wait", Seconds="5"), S, "/States/A/Seconds"),
        (one(Type="Wait", Timestamp="tomorrow"), S, "/States/A/Timestamp"),
        (one(Type="Wait", Timestamp="2026-02-30T00:00:00Z"), S, "/States/A/Timestamp"),
        # Task.
        (one(Type="Task"), S, "/States/A"),
        (one(Type="Task", Resource="refund"), "INVALID_RESOURCE", "/States/A/Resource"),
        (one(Type="Task", Resource=INVOKE + ".later"), "INVALID_RESOURCE", "/States/A/Resource"),
        (one(Type="Task", Resource="{% $r %}"), "INVALID_RESOURCE", "/States/A/Resource"),
        (one(Type="Task", Resource=None), "INVALID_RESOURCE", "/States/A/Resource"),
        (task(TimeoutSeconds=0), S, "/States/A/TimeoutSeconds"),
        (task(TimeoutSeconds=100_000_000), S, "/States/A/TimeoutSeconds"),
        (task(TimeoutSeconds=5, HeartbeatSeconds=5), S, "/States/A/HeartbeatSeconds"),
        # Retry and Catch.
        (task(Retry={}), S, "/States/A/Retry"),
        (task(Retry=["x"]), S, "/States/A/Retry/0"),
        (task(Retry=[{}]), S, "/States/A/Retry/0"),
        (task(Retry=[{"ErrorEquals": []}]), S, "/States/A/Retry/0/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": [1]}]), S, "/States/A/Retry/0/ErrorEquals/0"),
        (task(Retry=[{"ErrorEquals": ["States.ALL", "E"]}]), S, "/States/A/Retry/0/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]),
         S, "/States/A/Retry/0/ErrorEquals"),
        (task(Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 0}]),
         S, "/States/A/Retry/0/IntervalSeconds"),
        (task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": -1}]),
         S, "/States/A/Retry/0/MaxAttempts"),
        (task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}]),
         S, "/States/A/Retry/0/BackoffRate"),
        (task(Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 9, "MaxDelaySeconds": 9}]),
         S, "/States/A/Retry/0/MaxDelaySeconds"),
        (task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]),
         S, "/States/A/Retry/0/JitterStrategy"),
        (task(Retry=[{"ErrorEquals": ["E"], "Next": "A"}]), S, "/States/A/Retry/0/Next"),
        (task(Catch=[{"ErrorEquals": ["E"]}]), S, "/States/A/Catch/0"),
        (task(Catch=[{"ErrorEquals": ["E"], "Next": "Q"}]), TARGET, "/States/A/Catch/0/Next"),
        (task(Catch=[{"ErrorEquals": ["E"], "Next": "A", "ResultPath": "$"}]),
         LANGUAGE, "/States/A/Catch/0/ResultPath"),
        # Parallel and Map.
        (one(Type="Parallel"), S, "/States/A"),
        (one(Type="Parallel", Branches=[]), S, "/States/A/Branches"),
        (one(Type="Parallel", Branches=["x"]), S, "/States/A/Branches/0"),
        (one(Type="Parallel", Branches=[{"StartAt": "X", "States": {"X": {"Type": "Pass"}}}]),
         S, "/States/A/Branches/0/States/X"),
        (one(Type="Parallel", Branches=[
            {"StartAt": "X", "States": {"X": {"Type": "Pass", "Next": "A"}}}]),
         TARGET, "/States/A/Branches/0/States/X/Next"),
        (one(Type="Map"), S, "/States/A"),
        (one(Type="Map", ItemProcessor=BRANCH, Items=1), S, "/States/A/Items"),
        (one(Type="Map", ItemProcessor=BRANCH, ItemsPath="$"), LANGUAGE, "/States/A/ItemsPath"),
        (one(Type="Map", ItemProcessor=BRANCH, MaxConcurrency=-1), S, "/States/A/MaxConcurrency"),
        (one(Type="Map", ItemProcessor=BRANCH, ToleratedFailurePercentage=101),
         S, "/States/A/ToleratedFailurePercentage"),
        (one(Type="Map", Iterator=BRANCH), S, "/States/A/Iterator"),
        (one(Type="Map", ItemProcessor=BRANCH | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}),
         "UNSUPPORTED_FEATURE", "/States/A/ItemProcessor/ProcessorConfig/Mode"),
        (one(Type="Map", ItemProcessor=BRANCH, ItemReader={}),
         "UNSUPPORTED_FEATURE", "/States/A/ItemReader"),
        (one(Type="Map", ItemProcessor={"StartAt": "X", "States": {"X": {"Type": "Nope"}}}),
         S, "/States/A/ItemProcessor/States/X/Type"),
        # Expressions.
        (one(Type="Pass", Output={"a": ["{% 1 + %}"]}), EXPRESSION, "/States/A/Output/a/0"),
        (one(Type="Pass", Output="{% 1"), EXPRESSION, "/States/A/Output"),
        (one(Type="Pass", Output="{% $eval('1') %}"), EXPRESSION, "/States/A/Output"),
        (one(Type="Pass", Output="{% input.x %}"), EXPRESSION, "/States/A/Output"),
        (one(Type="Pass", Output="{% $states.result %}"), EXPRESSION, "/States/A/Output"),
        (one(Type="Pass", Output="{% $states.imput %}"), EXPRESSION, "/States/A/Output"),
        (task(Arguments="{% $states.result %}"), EXPRESSION, "/States/A/Arguments"),
        (task(Output="{% $states.errorOutput %}"), EXPRESSION, "/States/A/Output"),
        (task(Catch=[{"ErrorEquals": ["E"], "Next": "A", "Output": "{% $states.result %}"}]),
         EXPRESSION, "/States/A/Catch/0/Output"),
        (then(Type="Choice", Choices=[{"Condition": "{% ( %}", "Next": "B"}]),
         EXPRESSION, "/States/A/Choices/0/Condition"),
        # Variables.
        (one(Type="Pass", Assign=[]), S, "/States/A/Assign"),
        (one(Type="Pass", Assign={"states": 1}), S, "/States/A/Assign/states"),
        (one(Type="Pass", Assign={"1x": 1}), S, "/States/A/Assign/1x"),
        (one(Type="Pass", Assign={"v" * 81: 1}), S, f"/States/A/Assign/{'v' * 81}"),
    ],
)  # fmt: skip
def test_error(definition: Any, code: str, location: str) -> None:
    assert ("ERROR", code, location) in found(definition)


@pytest.mark.parametrize(
    "text", ["", "{", "nope", "[]", "3", "null", '{"a": NaN}', "[" * 100_000, b"\xff\xfe\x00"]
)
def test_what_is_no_definition_at_all(text: str | bytes) -> None:
    assert found(text) == [("ERROR", "INVALID_JSON_DESCRIPTION", "")]


@pytest.mark.parametrize("value", [None, 3, [], object(), True])
def test_what_is_no_object_at_all(value: Any) -> None:
    assert found(value) == [("ERROR", "INVALID_JSON_DESCRIPTION", "")]


def test_a_definition_longer_than_step_functions_takes() -> None:
    text = json.dumps(machine({"A": PASS}, Comment="x" * 1_048_576))
    assert "longer than 1048576" in errors(text)[0].message


def test_a_name_used_twice_in_json_text() -> None:
    text = '{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": %s, "A": %s}}'
    text = text % (json.dumps(PASS), json.dumps(PASS))
    assert found(text) == [("ERROR", "DUPLICATE_STATE_NAME", "")]


def test_deep_nesting() -> None:
    value: Any = 1
    for _ in range(5000):
        value = {"x": value}
    assert "nested" in errors(one(Type="Pass", Output=value))[0].message


def test_yaml_booleans_are_explained() -> None:
    states = "  A: {Type: Pass, Next: No}\n  No: {Type: Succeed}"
    text = f"QueryLanguage: JSONata\nStartAt: A\nStates:\n{states}"
    messages = [d.message for d in errors(yaml.safe_load(text))]
    assert any("Next is the boolean false" in m and "quotes" in m for m in messages)
    assert any("state's name is the boolean false" in m for m in messages)


def test_messages_say_what_to_do() -> None:
    (found,) = errors(one(Type="Pass", Ouput=1))
    assert found.message == "a Pass state has no field 'Ouput'; did you mean Output?"
    (found,) = errors(task(InputPath="$"))
    assert "QueryLanguage JSONata only; use Arguments" in found.message


def test_each_state_may_name_its_language() -> None:
    definition = {"StartAt": "A", "States": {"A": {**PASS, "QueryLanguage": "JSONata"}}}
    assert validate(definition) == []


def test_several_errors_are_all_found() -> None:
    definition = machine({"A": {"Type": "Pass", "Next": "Q", "Foo": 1, "Output": "{% ( %}"}})
    assert len(errors(definition)) >= 4


class TestVariables:
    def undefined(self, definition: Any) -> list[str]:
        return [d.location for d in validate(definition) if d.code == "UNDEFINED_VARIABLE"]

    def test_assigned_nowhere(self) -> None:
        assert self.undefined(one(Type="Pass", Output="{% $x %}")) == ["/States/A/Output"]
        assert errors(one(Type="Pass", Output="{% $x %}")) == []

    def test_assigned_by_the_state_itself_is_too_late(self) -> None:
        assert self.undefined(one(Type="Pass", Assign={"x": 1}, Output="{% $x %}"))

    def test_assigned_before(self) -> None:
        a = {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}
        assert not self.undefined(machine({"A": a, "B": {**PASS, "Output": "{% $x %}"}}))

    def test_assigned_on_another_way_only(self) -> None:
        choice = {
            "Type": "Choice",
            "Choices": [{"Condition": True, "Next": "B", "Assign": {"x": 1}}],
            "Default": "C",
        }
        use = {**PASS, "Output": "{% $x %}"}
        assert self.undefined(machine({"A": choice, "B": use, "C": use})) == ["/States/C/Output"]

    def test_a_catch_has_its_own(self) -> None:
        a = {
            "Type": "Task",
            "Resource": INVOKE,
            "Assign": {"x": 1},
            "Next": "B",
            "Catch": [{"ErrorEquals": ["E"], "Next": "C", "Assign": {"y": 1}}],
        }
        use = {**PASS, "Output": "{% [$x, $y] %}"}
        assert self.undefined(machine({"A": a, "B": use, "C": use})) == [
            "/States/B/Output",
            "/States/C/Output",
        ]

    def test_around_a_loop(self) -> None:
        definition = machine(
            {
                "A": {
                    "Type": "Choice",
                    "Choices": [{"Condition": "{% $exists($n) %}", "Next": "C"}],
                    "Default": "B",
                },
                "B": {"Type": "Pass", "Assign": {"n": 1}, "Next": "A"},
                "C": {"Type": "Succeed"},
            }
        )
        assert not self.undefined(definition)

    def test_outer_variables_are_seen_inside_and_not_the_other_way_round(self) -> None:
        inner = {"Type": "Pass", "End": True, "Output": "{% $x %}", "Assign": {"y": 1}}
        definition = machine(
            {
                "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
                "B": {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "I", "States": {"I": inner}}],
                    "Next": "C",
                },
                "C": {**PASS, "Output": "{% $y %}"},
            }
        )
        assert self.undefined(definition) == ["/States/C/Output"]

    def test_a_name_of_the_scope_around_is_pointed_out(self) -> None:
        branch = {"StartAt": "I", "States": {"I": {**PASS, "Assign": {"x": 2}}}}
        definition = machine(
            {
                "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
                "B": {"Type": "Parallel", "Branches": [branch], "End": True},
            }
        )
        assert found(definition) == [
            ("WARNING", "SHADOWED_VARIABLE", "/States/B/Branches/0/States/I/Assign/x")
        ]


class TestSubstitutions:
    TEMPLATE = machine(
        {
            "A": {
                "Type": "Task",
                "Resource": "${RefundArn}",
                "TimeoutSeconds": "${Timeout}",
                "Arguments": {"FunctionName": "${RefundFunction}", "n": "{% ${Limit} + 1 %}"},
                "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": "${Attempts}"}],
                "End": True,
            }
        }
    )

    def test_allowed(self) -> None:
        assert validate(self.TEMPLATE, allow_substitutions=True) == []

    def test_not_allowed(self) -> None:
        codes = {(d.code, d.location) for d in validate(self.TEMPLATE)}
        assert ("INVALID_RESOURCE", "/States/A/Resource") in codes
        assert ("UNRESOLVED_SUBSTITUTION", "/States/A/Arguments/FunctionName") in codes

    def test_a_real_error_is_found_beside_them(self) -> None:
        definition = json.loads(json.dumps(self.TEMPLATE))
        definition["States"]["A"]["Next"] = "Nowhere"
        assert errors(definition, allow_substitutions=True)


@pytest.mark.parametrize(
    "resource",
    [
        INVOKE,
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::events:putEvents",
        "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken",
        "arn:aws-cn:states:::sqs:sendMessage",
        "arn:aws:lambda:eu-west-1:123456789012:function:refund",
        "arn:aws:lambda:eu-west-1:123456789012:function:refund:live",
        "arn:aws:lambda:eu-west-1:123456789012:function:refund:$LATEST",
        "arn:aws:states:eu-west-1:123456789012:activity:Approve",
    ],
)
def test_resource(resource: str) -> None:
    assert validate(one(Type="Task", Resource=resource)) == []


def test_our_machines() -> None:
    folder = Path(__file__).parents[3] / "statemachines"
    files = sorted(folder.glob("*.asl.yaml"))
    assert files
    for file in files:
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert validate(definition, allow_substitutions=True) == [], file.name


KEYS = st.sampled_from(
    ["StartAt", "States", "Type", "Next", "End", "A", "B", "Choices", "Default", "Retry", "Catch",
     "ErrorEquals", "Branches", "ItemProcessor", "Assign", "Output", "Arguments", "Condition",
     "Resource", "QueryLanguage", "Seconds", "ProcessorConfig", "Mode", "a/b~c", ""]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(
        ["A", "B", "Task", "Pass", "Choice", "Map", "Parallel", "Wait", "Succeed", "Fail",
         "JSONata", "States.ALL", "{% $x %}", "{% $states.result", "${X}", INVOKE, "\ud800"]
    )
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.booleans() | st.integers(), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(value=ANYTHING, allow=st.booleans())
def test_anything_in_gives_diagnostics_out(value: Any, allow: bool) -> None:
    for diagnostic in validate(value, allow_substitutions=allow):
        assert diagnostic.severity in ("ERROR", "WARNING")
        assert diagnostic.code.replace("_", "").isupper()
        assert diagnostic.message
        assert diagnostic.location == "" or diagnostic.location.startswith("/")


@given(text=st.text() | st.binary())
def test_any_text_in_gives_diagnostics_out(text: str | bytes) -> None:
    assert errors(text)


PLACES = [
    ["States", "A"], ["States", "A", "Retry", 0], ["States", "A", "Catch", 0], ["States", "B"],
    ["States", "B", "Choices", 0], ["States", "C"], ["States", "C", "ItemProcessor"],
    ["States", "P"], ["States", "P", "Branches", 0], ["States", "W"], [],
]  # fmt: skip


@given(data=st.data())
def test_a_spoiled_definition_gives_diagnostics_out(data: st.DataObject) -> None:
    definition = json.loads(json.dumps(EVERYTHING))
    holder: Any = definition
    for key in data.draw(st.sampled_from(PLACES)):
        holder = holder[key]
    holder[data.draw(st.sampled_from(sorted(holder)) | KEYS)] = data.draw(ANYTHING)
    validate(definition)
