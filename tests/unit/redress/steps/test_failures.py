"""Errors as Step Functions hands them on are read for people, without a stack trace."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.steps.failures import read_failure

TRACE = ['  File "/opt/python/redress/steps/issue_refund.py", line 1, in pay\n']


def lambda_error(kind: str, message: str) -> dict[str, str]:
    """What the state machine is told of an exception in a function."""
    cause = {"errorMessage": message, "errorType": kind, "requestId": "r", "stackTrace": TRACE}
    return {"Error": kind, "Cause": json.dumps(cause)}


def child_error(error: str | None, cause: str | None, status: str = "FAILED") -> dict[str, str]:
    """What `startExecution.sync:2` tells of a child execution that failed."""
    described = {
        "ExecutionArn": "arn:aws:states:eu-central-1:123456789012:execution:m:n",
        "Input": json.dumps({"case": {"statement": "my secret"}}),
        "InputDetails": {"Included": True},
        "Name": "n",
        "StartDate": 1,
        "StateMachineArn": "arn:m",
        "Status": status,
        "StopDate": 2,
    }
    if error is not None:
        described["Error"] = error
    if cause is not None:
        described["Cause"] = cause
    return {"Error": "States.TaskFailed", "Cause": json.dumps(described)}


REFUSED = lambda_error("RefundRefusedError", "nothing is owed")
STUCK = lambda_error("CompensationFailedError", "shipment s has left")


REFUSED_TEXT = json.dumps(REFUSED)


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [
        (REFUSED, "RefundRefusedError", "nothing is owed"),
        (
            child_error("SettlementCompensated", json.dumps(REFUSED)),
            "SettlementCompensated",
            "RefundRefusedError: nothing is owed",
        ),
        (
            child_error("CompensationFailedError", json.dumps({**STUCK, "failure": REFUSED})),
            "CompensationFailedError",
            "CompensationFailedError: shipment s has left",
        ),
        (
            child_error(
                "InvestigationFailed", json.dumps(child_error("OrdersStageFailed", REFUSED_TEXT))
            ),
            "InvestigationFailed",
            "OrdersStageFailed: RefundRefusedError: nothing is owed",
        ),
        (
            child_error("InvestigationFailed", json.dumps({"Error": "States.Timeout"})),
            "InvestigationFailed",
            "States.Timeout",
        ),
        (
            child_error(None, None, "TIMED_OUT"),
            "States.TaskFailed",
            "The execution ended as TIMED_OUT.",
        ),
        ({"Error": "States.Timeout", "Cause": ""}, "States.Timeout", ""),
        ({"Error": "States.Timeout"}, "States.Timeout", ""),
        ({"error": "E", "cause": "text"}, "E", "text"),
        ({"Error": "E", "Cause": '{"errorMessage": "cut, "stackTrace": ["File'}, "E", None),
        (None, "UnknownError", ""),
        ("boom", "UnknownError", "boom"),
    ],
)
def test_failures(value: Any, error: str, reason: str | None) -> None:
    found = read_failure(value)
    assert found.error == error
    assert found.reason == (reason if reason is not None else found.reason)
    assert not any(word in found.reason for word in ("File", "secret", "arn:", "stackTrace"))


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | (
    st.dictionaries(st.sampled_from(("Error", "Cause", "errorMessage", "x")), inner)
)))  # fmt: skip
def test_anything_is_read_as_one_line(value: Any) -> None:
    for given_value in (value, json.dumps(value), {"Error": "E", "Cause": json.dumps(value)}):
        found = read_failure(given_value)
        assert found.error
        assert len(found.reason) <= 500
        assert len(found.reason.splitlines()) <= 1


def test_errors_handed_on_forever() -> None:
    value: Any = "end"
    for _ in range(12):
        value = {"Error": "E", "Cause": value}
    assert read_failure(value).error == "E"
