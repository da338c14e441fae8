"""RecordFailure: the case is parked once, and never when it is settled or another's."""

import json
from typing import Any

import msgspec
import pytest
from redress.errors import DependencyUnavailableError
from redress.models.events import CaseFailed
from redress.models.settlement import ClosingRequest, FailureReport
from redress.steps.case_records import find_case, load_case
from redress.steps.close_case import close_case
from redress.steps.record_failure import record_failure

EVENT = {"detail": {"case_id": "case_1", "order_id": "ord_1", "customer_id": "cus_1"}}
FAILURE = {
    "Error": "SettlementCompensated",
    "Cause": json.dumps({"errorMessage": "sku_b:\n none left", "stackTrace": ["secret"]}),
}


def fail(
    world: Any, execution: str = "exec_1", event: Any = EVENT, failure: Any = FAILURE
) -> CaseFailed:
    report = FailureReport(execution, event, failure)
    return record_failure(report, world.cases, world.clock, world.publisher)


def test_a_case_is_parked(world: Any) -> None:
    world.claim()
    event = fail(world)
    assert (event.error, event.reason) == ("SettlementCompensated", "sku_b: none left")
    record = load_case(world.cases, "case_1").record
    assert record.status == "failed"
    assert record.failure
    assert record.failure["error"] == "SettlementCompensated"
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
    fail(world)
    assert load_case(world.cases, "case_1") == before
    assert len(world.publisher.of("CaseFailed")) == 1


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
