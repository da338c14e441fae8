"""Redress's own stack, broken and repaired by an operator: every case is settled exactly once."""

import json
from typing import Any

import pytest
from faults_world import details_of
from redress_world import Broken
from stack_world import StackWorld, until

ONCE = (1, 1)


def failures(case: Broken, execution: str) -> list[str]:
    events = case.stack.history(execution)
    return [details_of(e)["error"] for e in events if e["type"] == "TaskFailed"]


def stop_midway(case: Broken, at: str) -> str:
    """Put the case and stop its execution while the function of a state refuses; its ARN."""
    with case.throttled(f"{at}Function"):
        execution = case.stack.started_by(case.put())
        until(lambda: failures(case, execution), f"the throttled {at}")
        case.stack.states.stop_execution(
            executionArn=execution, error="Operator.Stopped", cause="a look at it first"
        )
    assert case.stack.ended(execution)["status"] == "ABORTED"
    return execution


def entered(case: Broken, execution: str) -> list[str]:
    events = case.stack.history(execution)
    return [details_of(e)["name"] for e in events if e["type"].endswith("StateEntered")]


def test_undelivered_then_replayed(redress: StackWorld) -> None:
    """The rule points at no machine: dead letter, repair, replay, resolved; replayed again."""
    case = Broken(redress, 0)
    events, bus = redress.events, redress.bus
    (rule,) = (
        rule
        for rule in events.list_rules(EventBusName=bus)["Rules"]
        if "CaseOpenedRule" in rule["Name"]
    )
    on = {"Rule": rule["Name"], "EventBusName": bus}
    (target,) = events.list_targets_by_rule(**on)["Targets"]
    gone = redress.machine + "Gone"
    try:
        answer = events.put_targets(**on, Targets=[{**target, "Arn": gone}])
        assert answer["FailedEntryCount"] == 0
        event_id = case.put()
        letter = case.receive("UndeliveredEventsUrl", case.label.case_id)
    finally:
        answer = events.put_targets(**on, Targets=[target])
    assert answer["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(**on)["Targets"] == [target]
    attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": gone,
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    undelivered = json.loads(letter["Body"])
    assert undelivered["id"] == event_id
    assert undelivered["detail"] == redress.opened(case.label)
    assert case.executions() == []
    assert case.paid() == (0, 0)

    assert case.replay(f"repair-{case.label.case_id}")["State"] == "COMPLETED"
    (execution,) = until(case.executions, "the replayed event's execution")
    assert redress.ended(execution)["status"] == "SUCCEEDED"
    assert case.status() == "resolved"
    assert case.paid() == ONCE
    settled = case.ledger()

    assert case.replay(f"again-{case.label.case_id}")["State"] == "COMPLETED"
    second = until(lambda: set(case.executions()) - {execution}, "the second replay's execution")
    for arn in second:
        assert redress.ended(arn)["status"] == "SUCCEEDED"
        assert "CaseAlreadySettled" in entered(case, arn)
    # The operator sends the dead letter as well, as it is.
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": undelivered["source"],
                "DetailType": undelivered["detail-type"],
                "Detail": json.dumps(undelivered["detail"]),
            }
        ]
    )
    third = redress.started_by(answer["Entries"][0]["EventId"])
    assert redress.ended(third)["status"] == "SUCCEEDED"
    assert case.ledger() == settled
    assert len(until(lambda: case.told("CaseResolved"), "CaseResolved in the archive")) == 1


def test_stopped_then_redriven(redress: StackWorld) -> None:
    """A stop by hand reaches no Catch: the rule parks the case, and a redrive finishes it."""
    case = Broken(redress, 1)
    execution = stop_midway(case, "GatherContext")
    (failed,) = until(lambda: case.told("CaseFailed"), "CaseFailed in the archive")
    assert failed["detail"]["execution_id"] == execution
    assert failed["detail"]["error"] == "Operator.Stopped"
    until(lambda: case.status() == "failed", "the parked case")
    assert case.paid() == (0, 0)

    redress.states.redrive_execution(executionArn=execution)
    ended = redress.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["redriveCount"] == 1
    names = entered(case, execution)
    assert names.count("ClaimCase") == 1
    assert case.status() == "resolved"
    assert case.paid() == ONCE
    kinds = [event["type"] for event in redress.history(execution)]
    assert kinds.count("ExecutionRedriven") == 1
    assert kinds.index("ExecutionAborted") + 1 == kinds.index("ExecutionRedriven")
    assert len(until(lambda: case.told("CaseResolved"), "CaseResolved in the archive")) == 1
    assert len(case.told("CaseFailed")) == 1


def test_stopped_then_taken_over(redress: StackWorld) -> None:
    """A replay takes the parked case over; redriving the old execution then pays nothing."""
    case = Broken(redress, 2)
    first = stop_midway(case, "DecideByPolicy")
    until(lambda: case.status() == "failed", "the parked case")
    assert case.replay(f"takeover-{case.label.case_id}")["State"] == "COMPLETED"
    (second,) = until(lambda: set(case.executions()) - {first}, "the replayed event's execution")
    assert redress.ended(second)["status"] == "SUCCEEDED"
    record = redress.case(case.label.case_id)
    assert record is not None
    assert (record.status, record.owner, record.attempt) == ("resolved", second, 2)
    assert case.paid() == ONCE
    settled = case.ledger()

    redress.states.redrive_execution(executionArn=first)
    # The policy step refuses what another execution has settled, and nobody is told of it.
    late = redress.ended(first)
    assert (late["status"], late["error"]) == ("FAILED", "CaseFailed")
    assert failures(case, first)[-1] == "CaseAlreadySettledError"
    assert "SettleClaim" not in entered(case, first)
    assert case.ledger() == settled
    assert case.paid() == ONCE
    record = redress.case(case.label.case_id)
    assert record is not None
    assert (record.status, record.owner) == ("resolved", second)
    assert len(case.told("CaseResolved")) == len(case.told("CaseFailed")) == 1


def test_stopped_within_the_settlement(redress: StackWorld) -> None:
    """Stock is reserved and money is not paid yet: the redrive goes on, and pays once."""
    case = Broken(redress, 3)
    with case.throttled("IssueRefundFunction"):
        execution = redress.started_by(case.put())

        def child() -> str | None:
            for event in redress.history(execution):
                if event["type"] == "TaskSubmitted":
                    output = json.loads(details_of(event)["output"])
                    if "SettleClaim" in output["ExecutionArn"]:
                        return str(output["ExecutionArn"])
            record = redress.case(case.label.case_id)
            if record is not None and record.status == "awaiting_approval":
                redress.answer(case.label.case_id)
            return None

        settlement = until(child, "the settlement")
        until(lambda: failures(case, settlement), "the throttled refund")
        redress.states.stop_execution(executionArn=execution)
    assert redress.ended(execution)["status"] == "ABORTED"
    assert redress.ended(settlement)["status"] == "ABORTED"
    until(lambda: case.status() == "failed", "the parked case")
    assert case.paid() == (0, 0)
    assert any(key[0] == "reservation" for key in case.ledger())

    redress.states.redrive_execution(executionArn=execution)
    assert redress.ended(execution)["status"] == "SUCCEEDED"
    assert case.status() == "resolved"
    assert case.paid() == ONCE
    assert case.replay(f"after-{case.label.case_id}")["State"] == "COMPLETED"
    for arn in until(lambda: set(case.executions()) - {execution}, "the replay's execution"):
        assert redress.ended(arn)["status"] == "SUCCEEDED"
    assert case.paid() == ONCE


@pytest.mark.parametrize("how", ["redrive", "replay"])
def test_a_failure_that_cannot_be_recorded(redress: StackWorld, how: str) -> None:
    """RecordFailure has no table: its record waits on a queue until an operator repairs it."""
    case = Broken(redress, {"redrive": 4, "replay": 5}[how])
    with case.without_table("RecordFailureFunction"):
        execution = stop_midway(case, "GatherContext")
        message = case.receive("UnrecordedFailuresUrl", execution)
    record: dict[str, Any] = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "DependencyUnavailableError"
    event = record["requestPayload"]
    assert event["source"] == "aws.states"
    assert event["detail"]["executionArn"] == execution
    assert event["detail"]["status"] == "ABORTED"
    assert case.told("CaseFailed") == []
    assert case.status() == "open"

    # Repaired: what the record holds is what the function takes.
    answer = case.functions.invoke(
        FunctionName=case.function("RecordFailureFunction"), Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer
    assert case.status() == "failed"
    assert len(until(lambda: case.told("CaseFailed"), "CaseFailed in the archive")) == 1
    if how == "redrive":
        redress.states.redrive_execution(executionArn=execution)
        last = execution
    else:
        case.replay(f"parked-{case.label.case_id}")
        (last,) = until(lambda: set(case.executions()) - {execution}, "the replay's execution")
    assert redress.ended(last)["status"] == "SUCCEEDED"
    assert case.status() == "resolved"
    assert case.paid() == ONCE
