"""What TestState refuses, with AWS's codes and, where they are known, AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asl_engine import Engine, VirtualClock
from asl_engine import test_state as subject
from asl_engine.api.protocol import ApiError
from hypothesis import given
from hypothesis import strategies as st

JSONATA = {"QueryLanguage": "JSONata"}
PASS = {**JSONATA, "Type": "Pass", "End": True}


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {**JSONATA, "Type": "Task", "Resource": resource, "Arguments": {}, "End": True, **fields}


INVOKE = task("arn:aws:states:::lambda:invoke")
START = task("arn:aws:states:::states:startExecution")
SYNC2 = task("arn:aws:states:::states:startExecution.sync:2")
INNER = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
MAP = {**JSONATA, "Type": "Map", "ItemProcessor": INNER, "End": True}
PARALLEL = {**JSONATA, "Type": "Parallel", "Branches": [INNER], "End": True}


def call(definition: Any, **members: Any) -> dict[str, Any]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    engine = Engine(max_workers=0, clock=VirtualClock())
    return subject.test_state(
        {"definition": text, **members},
        integrations=engine._registry,
        clock=engine.clock,
        account="000000000000",
        region="us-east-1",
    )


def refusal(definition: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        call(definition, **members)
    return caught.value.code, caught.value.message


def mock(result: Any, **fields: Any) -> dict[str, Any]:
    return {"result": json.dumps(result), **fields}


V = "ValidationException"
ERROR = {"errorOutput": {"error": "E"}}


@pytest.mark.parametrize(
    ("definition", "members", "code", "words"),
    [
        (PASS, {"mock": mock({})}, V, "State type 'Pass' is not supported when a mock is"),
        ({**JSONATA, "Type": "Succeed"}, {"mock": ERROR}, V, "State type 'Succeed' is not supp"),
        (MAP, {}, "InvalidDefinition", "TestState API does not support Map or Parallel states."),
        (PARALLEL, {}, "InvalidDefinition", "TestState API does not support Map or Parallel"),
        (SYNC2, {"roleArn": "r"}, "InvalidDefinition", "only when a mock is specified"),
        (INVOKE, {}, V, "RoleArn must be specified when testing a Task state"),
        (INVOKE, {"roleArn": "r"}, "InvalidDefinition", "cannot be called here"),
        (INVOKE, {"mock": {**mock({}), **ERROR}}, V, "A test mock should have only one of the"),
        (INVOKE, {"mock": {}}, V, "A test mock should have only one of the following fields"),
        (INVOKE, {"mock": {"errorOutput": {}}}, V, "error is required"),
        (INVOKE, {"mock": {"result": "not json"}}, V, "Mocked result must be valid JSON"),
        (INVOKE, {"mock": mock({}), "revealSecrets": True}, V, "does not support RevealSecrets"),
        (MAP, {"mock": mock({})}, V, "Mocked result must be an array."),
        (PARALLEL, {"mock": mock(1)}, V, "Mocked result must be an array."),
        (PARALLEL, {"mock": mock([1, 2])}, V, "the same number of items as number of Parallel"),
        (PASS, {"context": "{}"}, V, "does not support Context when a mock is not specified"),
        (PASS, {"stateConfiguration": {"mapIterationFailureCount": 1}}, V,
         "TestState does not support MapIterationFailureCount when a mock is not specified."),
        (MAP, {"mock": mock([1]), "stateConfiguration": {"mapIterationFailureCount": 2}}, V,
         "must be less than or equal to the number of Map iterations"),
        (INVOKE, {"mock": mock({}), "stateConfiguration": {"mapIterationFailureCount": 0}}, V,
         "is for a Map state"),
        (MAP, {"mock": ERROR, "stateConfiguration": {"errorCausedByState": "Who"}}, V,
         "holds no state 'Who'"),
        (INVOKE, {"mock": ERROR, "stateConfiguration": {"errorCausedByState": "I"}}, V,
         "mocked for a Map or Parallel"),
        (MAP, {"mock": ERROR, "stateConfiguration": {"mapItemReaderData": "[]"}}, V,
         "DISTRIBUTED"),
        ({"Type": "Pass", "End": True}, {}, "InvalidDefinition", "the state is in JSONPath"),
        ({**PASS, "QueryLanguage": "JSONPath"}, {}, "InvalidDefinition", "JSONPath"),
        ({**JSONATA, "Type": "Nap", "End": True}, {}, "InvalidDefinition",
         "at /States/StateName/Type"),
        ({**PARALLEL, "Branches": []}, {}, "InvalidDefinition", "at /States/StateName/Branches"),
        ("{", {}, "InvalidDefinition", "not JSON"),
        ("[]", {}, "InvalidDefinition", "must be a JSON object"),
        ({**JSONATA, **INNER}, {"stateName": "J"}, V, "State not found in definition"),
        ({**JSONATA, **INNER}, {}, V, "name the state to test in stateName"),
        (PASS, {"input": "{"}, "InvalidExecutionInput", "not JSON"),
        (PASS, {"input": '"' + "é" * 140_000 + '"'}, "InvalidExecutionInput", "more than 262144"),
        (PASS, {"variables": "[1]"}, V, "Variables must be a JSON object"),
        (PASS, {"variables": "nope"}, V, "Invalid variables"),
    ],
)  # fmt: skip
def test_refusals(definition: Any, members: dict[str, Any], code: str, words: str) -> None:
    found = refusal(definition, **members)
    assert found[0] == code
    assert words in found[1]


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"Execution": {"Id": 1}}, "Execution.Id must be a string"),
        ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
        ({"Execution": {"pokemon": "x"}}, "Field 'pokemon' is not allowed"),
        ({"Pokedex": {}}, "Field 'Pokedex' is not allowed"),
        ({"State": []}, "State must be an object"),
        ({"State": {"RetryCount": True}}, "State.RetryCount must be an integer"),
        ({"Task": {"Token": "t"}}, "Context object contains 'Task' when state is not a Task"),
        ([], "must be a JSON object"),
    ],
)
def test_contexts(context: Any, words: str) -> None:
    code, message = refusal(INVOKE, mock=mock({}), context=json.dumps(context))
    assert (code, message.startswith("Invalid Context object provided: ")) == (V, True)
    assert words in message


KMS = task("arn:aws:states:::aws-sdk:kms:encrypt")
S3 = task("arn:aws:states:::aws-sdk:s3:getObject")
EVENTS = task("arn:aws:states:::events:putEvents")
DYNAMODB = task("arn:aws:states:::dynamodb:putItem")
FUNCTION = task("arn:aws:states:::aws-sdk:lambda:getFunction")


@pytest.mark.parametrize(
    ("state", "result", "words"),
    [
        (EVENTS, {"Entries": "no list"}, "Field 'Entries' must be an array"),
        (EVENTS, {"Entries": [{"EventId": "1"}, {"EventId": [2]}]}, "'EventId' must be a string"),
        (START, {}, "Required field 'ExecutionArn' is missing"),
        (
            START,
            {"executionArn": "a", "startDate": "b"},
            "Required field 'ExecutionArn' is missing",
        ),
        (START, {"ExecutionArn": "a", "StartDate": True}, "Field 'StartDate' must be a string"),
        (START, {"ExecutionArn": "a", "StartDate": 1764103483}, "'StartDate' must be a string"),
        (INVOKE, {"StatusCode": "200"}, "Field 'StatusCode' must be a number"),
        (DYNAMODB, {"ConsumedCapacity": {"CapacityUnits": "1.5"}}, "'CapacityUnits' must be a num"),
        (S3, {"ContentLength": "9000"}, "Field 'ContentLength' must be a number"),
        (S3, {"StorageClass": "Papyrus"}, "Field 'StorageClass' is not an expected value"),
        (KMS, {"CiphertextBlob": 123}, "Field 'CiphertextBlob' must be a string"),
        (KMS, {"CiphertextBlob": ""}, "Field 'CiphertextBlob' is smaller than the minimum length"),
        (FUNCTION, {"Configuration": {"MemorySize": 127}}, "is less than the minimum value"),
        (FUNCTION, {"Configuration": {"MemorySize": 999_999}}, "exceeds the maximum value"),
        (SYNC2, {"Output": {}}, "Required field 'ExecutionArn' is missing"),
    ],
)
def test_strict_mocks(state: dict[str, Any], result: Any, words: str) -> None:
    code, message = refusal(state, mock=mock(result))
    assert (code, message.startswith("Mock result schema validation error: ")) == (V, True)
    assert words in message
    assert call(state, mock=mock(result, fieldValidationMode="NONE"))["status"] == "SUCCEEDED"


def test_present_looks_only_at_what_is_there() -> None:
    present = {"fieldValidationMode": "PRESENT"}
    assert call(START, mock=mock({}, **present))["status"] == "SUCCEEDED"
    assert refusal(START, mock=mock({"StartDate": 1}, **present))[0] == V


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (EVENTS, {"unknown": "field"}),
        (EVENTS, {}),
        (INVOKE, {"Payload": {"any": ["json"]}}),
        (task("arn:aws:states:::lambda:invoke.waitForTaskToken"), [1]),
        (task("arn:aws:states:::http:invoke"), "text"),
        (task("arn:aws:lambda:us-east-1:123456789012:function:f"), 3),
        (task("arn:aws:states:us-east-1:123456789012:activity:a"), None),
        (SYNC2, {"ExecutionArn": "a", "StateMachineArn": "m", "StartDate": "s",
                 "Status": "SUCCEEDED", "Output": {"parsed": 1}}),
    ],
)  # fmt: skip
def test_mocks_that_pass(state: dict[str, Any], result: Any) -> None:
    assert json.loads(call(state, mock=mock(result))["output"]) == result


def test_mock_of_a_task_must_be_what_the_service_gives_at_all() -> None:
    assert refusal(EVENTS, mock=mock([]))[1] == "Mocked result must be a JSON object."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
hostile_fields = dict.fromkeys(("Next", "Choices", "Catch", "Output"), json_values)
states = st.fixed_dictionaries(
    {"Type": st.sampled_from(["Pass", "Task", "Map", "Choice", "Wait"])},
    optional={"QueryLanguage": st.just("JSONata"), "End": st.just(True), **hostile_fields},
)


@given(
    definition=st.text(max_size=30) | (json_values | states).map(json.dumps),
    value=st.text(max_size=10),
    mocked=st.none() | st.text(max_size=10).map(lambda text: {"result": text}),
)
def test_whatever_comes_in_is_answered_or_refused(
    definition: str, value: str, mocked: dict[str, Any] | None
) -> None:
    members: dict[str, Any] = {"input": value}
    if mocked is not None:
        members["mock"] = mocked
    try:
        outcome = call(definition, **members)["status"]
    except ApiError as error:
        outcome = error.code
    refusals = {V, "InvalidDefinition", "InvalidExecutionInput"}
    assert outcome in {"SUCCEEDED", "FAILED", "CAUGHT_ERROR"} | refusals
