"""AWS JSON: requests are checked by the service model, answers are AWS's."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from asl_engine.api.protocol import ApiError, JsonAnswer, JsonService
from hypothesis import given
from hypothesis import strategies as st

NULL = "failed to satisfy constraint: Member must not be null"


def call(answer: Any, body: Any, service: str = "stepfunctions", name: str = "") -> JsonAnswer:
    prefix, operation = {
        "stepfunctions": ("AWSStepFunctions", "CreateStateMachineAlias"),
        "events": ("AWSEvents", "PutEvents"),
    }[service]
    operation = name or operation
    run = answer if callable(answer) else lambda _request: answer
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return JsonService(service, {operation: run}).handle(f"{prefix}.{operation}", data)


def test_an_answer() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    found = call({"creationDate": at, "none": None, "list": [{"at": at}]}, b"{}", name="ListTags")
    # An operation that the model does not know is a fault of ours, not the caller's.
    assert found.status == 500
    found = call(
        {"stateMachines": [{"creationDate": at, "x": None}], "nextToken": None},
        {},
        name="ListStateMachines",
    )
    assert json.loads(found.body) == {"stateMachines": [{"creationDate": 1767323045.678}]}
    assert found.status == 200
    assert found.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert len(found.headers["x-amzn-RequestId"]) == 36
    events = call({"Entries": []}, {"Entries": []}, service="events")
    assert events.headers["Content-Type"] == "application/x-amz-json-1.1"


def test_what_the_operation_gets() -> None:
    entry = {"Time": 1.5, "Source": "s", "New": 1, "Detail": None}
    got: list[Any] = []
    call(lambda request: got.append(request) or {}, {"Entries": [entry], "More": {}}, "events")
    assert got == [{"Entries": [{"Time": datetime.fromtimestamp(1.5, UTC), "Source": "s"}]}]


ROUTE = {"stateMachineVersionArn": "a", "weight": 1}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"routingConfiguration": [ROUTE]}, "1 validation error detected: Value null at 'name'"),
        ({}, f"2 validation errors detected: Value null at 'name' {NULL}; Value null at 'rout"),
        ({"name": None, "routingConfiguration": [ROUTE]}, f"Value null at 'name' {NULL}"),
        ({"name": 5, "routingConfiguration": [ROUTE]}, "Value '5' at 'name' failed"),
        ({"name": "x" * 81, "routingConfiguration": [ROUTE]}, "length less than or equal to 80"),
        ({"name": "12", "routingConfiguration": [ROUTE]}, "regular expression pattern"),
        ({"name": "x", "routingConfiguration": {}}, "Member must be an array"),
        ({"name": "x", "routingConfiguration": []}, "length greater than or equal to 1"),
        ({"name": "x", "routingConfiguration": [1]}, "'routingConfiguration.1.member'"),
        ({"name": "x", "routingConfiguration": [{**ROUTE, "weight": 101}]},
         ("Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: "
          "Member must have value less than or equal to 100")),
        ({"name": "x", "routingConfiguration": [{**ROUTE, "weight": True}]}, "a whole number"),
        ({"name": "x", "routingConfiguration": [{**ROUTE, "weight": 1.5}]}, "a whole number"),
        ({"name": "x", "routingConfiguration": [ROUTE], "description": "d" * 257},
         "Value at 'description' failed"),
    ],
)  # fmt: skip
def test_what_is_refused(body: Any, problem: str) -> None:
    found = call({}, body)
    said = json.loads(found.body)
    assert (found.status, said["__type"]) == (400, "ValidationException")
    assert problem in said["message"]
    assert found.headers["x-amzn-ErrorType"] == "ValidationException"
    assert len(said["message"]) < 1_000


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
def test_bodies_that_are_no_object(body: bytes) -> None:
    found = call({}, body)
    assert (found.status, json.loads(found.body)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("target", ["", "x", "AWSStepFunctions.Nothing", "Other.PutEvents", "\0."])
def test_targets_that_are_not_served(target: str) -> None:
    found = JsonService("events", {"PutEvents": lambda _: {}}).handle(target, b"{}")
    assert (found.status, json.loads(found.body)["__type"]) == (400, "UnknownOperationException")


def test_errors(caplog: pytest.LogCaptureFixture) -> None:
    def busy(_request: Any) -> Any:
        raise ApiError("Busy", "later", status=503, retryAfter=1)

    def broken(_request: Any) -> Any:
        raise KeyError("secret")

    body = {"name": "x", "routingConfiguration": [ROUTE]}
    found = call(busy, body)
    assert found.status == 503
    assert json.loads(found.body) == {
        "__type": "Busy", "message": "later", "Message": "later", "retryAfter": 1,
    }  # fmt: skip
    found = call(broken, body)
    assert (found.status, json.loads(found.body)["__type"]) == (500, "InternalFailure")
    assert b"secret" not in found.body
    assert "secret" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["name", "routingConfiguration", "description", "other"])


@given(st.dictionaries(NAMES, JSON) | JSON)
def test_any_body_has_an_answer(body: Any) -> None:
    if isinstance(body, float) and math.isinf(body):
        body = None
    found = call({}, json.dumps(body).encode())
    assert found.status in (200, 400)
    assert isinstance(json.loads(found.body), dict)
