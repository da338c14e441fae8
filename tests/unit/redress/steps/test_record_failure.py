"""RecordFailure: the case is parked once, and never when it is settled or another's."""

import json
from typing import Any

import msgspec
import pytest
from redress.errors import DependencyUnavailableError, InvalidInputError
from redress.models.base import dump
from redress.models.events import CaseFailed
from redress.models.settlement import ClosingRequest
from redress.steps.case_records import find_case, load_case
from redress.steps.close_case import close_case
from redress.steps.record_failure import record_failure

EVENT = {"detail": {"case_id": "case_1", "order_id": "ord_1", "customer_id": "cus_1"}}
FAILURE = {
    "Error": "SettlementCompensated",
    "Cause": json.dumps({"errorMessage": "sku_b:\n none left", "stackTrace": ["secret"]}),
}


def report(execution: str = "exec_1", event: Any = EVENT, failure: Any = FAILURE) -> Any:
    return {"execution_id": execution, "event": event, "failure": failure}


def record(world: Any, event: Any) -> dict[str, Any]:
    return record_failure(event, world.cases, world.clock, world.publisher)


def fail(
    world: Any, execution: str = "exec_1", event: Any = EVENT, failure: Any = FAILURE
) -> CaseFailed:
    return msgspec.convert(record(world, report(execution, event, failure)), CaseFailed)


def status_change(**changes: Any) -> dict[str, Any]:
    """What Step Functions says of an execution that failed."""
    detail = {
        "executionArn": "exec_1",
        "stateMachineArn": "arn:machine",
        "name": "n",
        "status": "TIMED_OUT",
        "startDate": 1,
        "stopDate": 2,
        "input": json.dumps(EVENT),
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": None,
        "cause": None,
        **changes,
    }
    return {"id": "1", "source": "aws.states", "detail-type": "x", "detail": detail}


def test_a_case_is_parked(world: Any) -> None:
    world.claim()
    event = fail(world)
    assert (event.error, event.reason) == ("SettlementCompensated", "sku_b: none left")
    parked = load_case(world.cases, "case_1").record
    assert parked.status == "failed"
    assert parked.failure
    assert parked.failure["error"] == "SettlementCompensated"
    (published,) = world.publisher.of("CaseFailed")
    assert msgspec.convert(published, CaseFailed) == event


@pytest.mark.parametrize("event", [EVENT, json.dumps(EVENT)])
def test_once_per_execution(world: Any, event: Any) -> None:
    """The machine records its failure, then the rule on failed executions does it again."""
    world.claim()
    first = fail(world)
    world.clock.forward(minutes=1)
    assert fail(world, event=event, failure={"error": "CaseFailed", "cause": None}) == first
    assert len(world.publisher.of("CaseFailed")) == 1


def test_a_settled_case_stays_settled(world: Any) -> None:
    world.claim()
    close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    before = load_case(world.cases, "case_1")
    record(world, report())
    assert load_case(world.cases, "case_1") == before
    assert world.publisher.of("CaseFailed") == []


def test_a_settled_case_that_nobody_heard_of_is_told_once(world: Any) -> None:
    """The bus was out of reach after the case was closed, then the rule comes with its retries."""
    world.claim()
    told = close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    for event in (report(), status_change()):
        assert json.dumps(record(world, event)) == json.dumps(dump(told.detail))
    assert world.publisher.of(told.detail_type) == [dump(told.detail)]


def test_a_redriven_execution_that_settles_but_cannot_tell(world: Any) -> None:
    world.claim()
    fail(world)
    told = close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    for _ in range(2):
        record(world, report())
    assert world.publisher.of(told.detail_type) == [dump(told.detail)]
    assert len(world.publisher.of("CaseFailed")) == 1


def test_another_executions_outcome_is_not_told_again(world: Any) -> None:
    world.claim()
    close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    fail(world, "exec_2")
    assert world.publisher.of("CaseRejected") == []


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({}, "TIMED_OUT", "The execution ended outside its own catches."),
        (
            {"status": "FAILED", "error": "States.DataLimitExceeded", "cause": "too large"},
            "States.DataLimitExceeded",
            "too large",
        ),
    ],
)
def test_step_functions_own_event_parks_the_case(
    world: Any, changes: dict[str, Any], error: str, reason: str
) -> None:
    world.claim()
    event = record(world, status_change(**changes))
    assert (event["error"], event["reason"]) == (error, reason)
    assert load_case(world.cases, "case_1").record.status == "failed"


def test_an_input_too_large_for_the_event(world: Any) -> None:
    assert record(world, status_change(input=None))["case_id"] is None


@pytest.mark.parametrize(
    "event", [None, [], {}, {"source": "aws.states"}, {"source": "aws.states", "detail": {}}]
)
def test_what_is_no_report(world: Any, event: Any) -> None:
    with pytest.raises(InvalidInputError):
        record(world, event)


def test_another_executions_case_is_left_alone(world: Any) -> None:
    world.claim()
    before = load_case(world.cases, "case_1")
    fail(world, "exec_2")
    assert load_case(world.cases, "case_1") == before


def test_a_redriven_execution_that_fails_again(world: Any) -> None:
    world.claim()
    fail(world)
    assert world.claim("exec_1").attempt == 2
    fail(world, failure={"Error": "OutOfStockError"})
    assert load_case(world.cases, "case_1").record.status == "failed"
    assert [e["error"] for e in world.publisher.of("CaseFailed")] == [
        "SettlementCompensated",
        "OutOfStockError",
    ]


def test_a_bus_out_of_reach_is_tried_again(world: Any) -> None:
    class Broken:
        def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
            raise DependencyUnavailableError("no bus")

    world.claim()
    publisher, world.publisher = world.publisher, Broken()
    with pytest.raises(DependencyUnavailableError):
        fail(world)
    world.publisher = publisher
    fail(world)
    assert len(publisher.of("CaseFailed")) == 1


@pytest.mark.parametrize(
    "event", [None, 3, "", "{", "[]", "\ud800", {"detail": 1}, {"detail": {"case_id": ["x"]}}]
)
@pytest.mark.parametrize(
    "failure", [None, 1, "boom", {}, {"Error": 1}, {"Error": "E" * 999, "Cause": ["x"] * 9}]
)
def test_any_report_is_recorded(world: Any, event: Any, failure: Any) -> None:
    recorded = fail(world, event=event, failure=failure)
    assert recorded.case_id is None
    assert recorded.error
    assert len(world.publisher.of("CaseFailed")) == 1


def test_an_unknown_case_is_not_made_up(world: Any) -> None:
    fail(world)
    assert find_case(world.cases, "case_1") is None


def test_a_huge_cause_is_cut(world: Any) -> None:
    assert len(fail(world, failure={"Error": "E", "Cause": "x" * 32_768}).reason) <= 500
