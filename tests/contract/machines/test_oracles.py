"""Our own state machines do the same on our engine, on sfnx and, where it can run them, on moto."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from asl_engine import TaskError, load_definition, substitute
from asl_moto import run_on_moto
from asl_oracles import Outcome, assert_same, payload, run_on_engine, stubs_by_state
from redress_local.project import find_project

CASE = {"case_id": "case_1", "as_of": "2026-11-22T12:00:00Z", "pattern": "evidence-first"}
PASSAGES = [{"passage_id": "refund-policy#missing-items", "title": "t", "text": "x", "score": 1}]
EVENT = {"detail-type": "CaseOpened", "detail": {"case_id": "case_1"}}
REFUND = {"effect_key": "k1", "state": "done"}
RESERVED = {"effect_key": "k2", "state": "done"}
SHIPPED = {"effect_key": "k3", "state": "done"}
BUSY = TaskError("ConflictError", "another write came first")
THROTTLED = TaskError("Lambda.TooManyRequestsException", "rate exceeded")
BROKEN = TaskError("RefundRefusedError", "the ledger says no")
UNANSWERED = TaskError("States.Timeout", "")


def investigation(**fields: Any) -> dict[str, Any]:
    return {
        "case_id": "case_1",
        "conclusive": True,
        "evidence": [{"evidence_id": "payments/pay_1", "facts": {}}],
        "program": "print(1)",
        "proposal": {"actions": [], "citations": ["payments/pay_1"]},
        "usage": {"model_calls": 1},
        **fields,
    }


def ruling(next_step: str) -> dict[str, Any]:
    return {"case_id": "case_1", "next_step": next_step, "actions": [], "proposal_hash": "h"}


def child(output: Any) -> dict[str, Any]:
    """What states:startExecution.sync:2 returns."""
    return {"ExecutionArn": "arn:child", "Status": "SUCCEEDED", "Output": output}


def closing(kind: str) -> dict[str, Any]:
    return payload({"detail_type": kind, "detail": {"case_id": "case_1", "status": "x"}})


SETTLED = {
    "ValidateCase": payload(CASE),
    "ClaimCase": payload({"case_id": "case_1", "attempt": 1}),
    "GatherContext": payload({"passages": PASSAGES}),
    "Investigate": child(investigation()),
    "Reconcile": payload({"ok": True, "value": {"refund_minor": {}}}),
    "DecideByPolicy": payload(ruling("settle")),
    "AwaitApproval": {"decision": "approve", "proposal_hash": "h"},
    "SettleClaim": child({"effects": [[RESERVED], [REFUND], []]}),
    "CloseCase": closing("CaseResolved"),
    "PublishOutcome": {"Entries": [{"EventId": "e"}], "FailedEntryCount": 0},
    "RecordFailure": payload({"case_id": "case_1", "status": "failed"}),
}
FOUND = {
    "FetchOrderEvidence": payload({"domain": "orders", "items": [], "missing": []}),
    "FetchPaymentEvidence": payload({"domain": "payments", "items": [], "missing": []}),
    "FetchInventoryEvidence": payload({"domain": "inventory", "items": [], "missing": []}),
    "ConcludeInvestigation": payload(investigation()),
    "InvestigateMonolith": payload(investigation(pattern="monolith")),
}
DONE = {
    "ReserveStock": payload({"effects": [RESERVED]}),
    "IssueRefund": payload({"effects": [REFUND]}),
    "ShipReplacement": payload({"effects": [SHIPPED]}),
    "CancelReplacement": payload({"effects": []}),
    "ReverseRefund": payload({"effects": []}),
    "ReleaseStock": payload({"effects": []}),
}
ASKED = {"case": CASE, "passages": PASSAGES}
SETTLEMENT = {"request": {"ruling": ruling("settle"), "attempt": 1, "approval": None}}

RESOLVE: dict[str, tuple[dict[str, Any], str]] = {
    "settled": ({}, "SUCCEEDED"),
    "nothing is wrong": ({"DecideByPolicy": payload(ruling("explain"))}, "SUCCEEDED"),
    "denied by policy": ({"DecideByPolicy": payload(ruling("deny"))}, "SUCCEEDED"),
    "approved": ({"DecideByPolicy": payload(ruling("approve"))}, "SUCCEEDED"),
    "denied by a human": (
        {
            "DecideByPolicy": payload(ruling("approve")),
            "AwaitApproval": TaskError("ApprovalDeniedError", "no"),
        },
        "SUCCEEDED",
    ),
    "nobody answers, twice": (
        {"DecideByPolicy": payload(ruling("approve")), "AwaitApproval": UNANSWERED},
        "SUCCEEDED",
    ),
    "the second approver answers": (
        {
            "DecideByPolicy": payload(ruling("approve")),
            "AwaitApproval": [UNANSWERED, {"decision": "approve", "proposal_hash": "h"}],
        },
        "SUCCEEDED",
    ),
    "a foreign order": (
        {
            "ValidateCase": TaskError("ForeignOrderError", "not yours"),
            "CloseCase": closing("CaseRejected"),
        },
        "SUCCEEDED",
    ),
    "the case id is taken": (
        {
            "ClaimCase": TaskError("InvalidCaseError", "taken"),
            "CloseCase": closing("CaseRejected"),
        },
        "SUCCEEDED",
    ),
    "the question is put again": (
        {
            "DecideByPolicy": payload(ruling("approve")),
            "AwaitApproval": [BUSY, THROTTLED, UNANSWERED, {"decision": "approve"}],
        },
        "SUCCEEDED",
    ),
    "settled before": ({"ClaimCase": TaskError("CaseAlreadySettledError", "x")}, "SUCCEEDED"),
    "owned elsewhere": ({"ClaimCase": TaskError("CaseOwnedElsewhereError", "x")}, "SUCCEEDED"),
    "a store is busy twice": (
        {"ClaimCase": [BUSY, THROTTLED, payload({"attempt": 2})]},
        "SUCCEEDED",
    ),
    "a store stays busy": ({"ClaimCase": BUSY}, "FAILED"),
    "the investigation fails": ({"Investigate": TaskError("States.TaskFailed", "{}")}, "FAILED"),
    "the sandbox is broken": (
        {"Reconcile": TaskError("SandboxUnavailableError", "no")},
        "FAILED",
    ),
    "the settlement is undone": (
        {"SettleClaim": TaskError("States.TaskFailed", '{"Error":"SettlementCompensated"}')},
        "FAILED",
    ),
    "the bus is busy": (
        {"PublishOutcome": [TaskError("EventBridge.FailedEntry", "x"), {"FailedEntryCount": 0}]},
        "SUCCEEDED",
    ),
    "a function crashes": ({"DecideByPolicy": TaskError("Runtime.ExitError", "x")}, "FAILED"),
    "the failure cannot be recorded": (
        {"GatherContext": TaskError("KeyError", "x"), "RecordFailure": TaskError("KeyError", "y")},
        "FAILED",
    ),
}
INVESTIGATE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "evidence first": (ASKED, {}, "SUCCEEDED"),
    "monolith": ({**ASKED, "case": {**CASE, "pattern": "monolith"}}, {}, "SUCCEEDED"),
    "evidence conflicts": (
        ASKED,
        {"ConcludeInvestigation": payload(investigation(conclusive=False))},
        "SUCCEEDED",
    ),
    "the decider breaks its contract": (
        ASKED,
        {"ConcludeInvestigation": TaskError("InvalidProposalError", "x")},
        "SUCCEEDED",
    ),
    "the model is throttled once": (
        ASKED,
        {
            "ConcludeInvestigation": [
                TaskError("ModelThrottledError", "x"),
                FOUND["ConcludeInvestigation"],
            ]
        },
        "SUCCEEDED",
    ),
    "the model is out of reach": (
        ASKED,
        {"ConcludeInvestigation": TaskError("DependencyUnavailableError", "x")},
        "FAILED",
    ),
    "the monolith gives up": (
        {**ASKED, "case": {**CASE, "pattern": "monolith"}},
        {"InvestigateMonolith": TaskError("BudgetExceededError", "x")},
        "FAILED",
    ),
}
SETTLE: dict[str, tuple[dict[str, Any], str]] = {
    "all is done": ({}, "SUCCEEDED"),
    "no stock": ({"ReserveStock": TaskError("OutOfStockError", "x")}, "FAILED"),
    "the refund is refused": ({"IssueRefund": BROKEN}, "FAILED"),
    "the refund is retried": ({"IssueRefund": [BUSY, DONE["IssueRefund"]]}, "SUCCEEDED"),
    "the reshipment fails": ({"ShipReplacement": TaskError("KeyError", "x")}, "FAILED"),
    "the reversal fails": (
        {
            "ShipReplacement": TaskError("KeyError", "x"),
            "ReverseRefund": TaskError("CompensationFailedError", "it was paid out"),
        },
        "FAILED",
    ),
}


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def machine(name: str) -> dict[str, Any]:
    """A deployed definition, with what differs between interpreters made equal.

    Executions are named differently everywhere, and so is what follows from their names.
    """
    definition = load_definition(find_project() / "statemachines" / f"{name}.asl.yaml")
    text = json.dumps(definition).replace("$states.context.Execution.Id", "'execution'")
    names = {n for n in text.split("${") if "}" in n}
    filled = substitute(json.loads(text), {n.split("}")[0]: n.split("}")[0] for n in names})
    return dict(filled)


@pytest.mark.parametrize("scenario", RESOLVE)
def test_resolve_case_as_on_sfnx(scenario: str) -> None:
    answers, status = RESOLVE[scenario]
    outcome = assert_same(machine("resolve_case"), EVENT, {**SETTLED, **answers})
    assert outcome.status == status
    ends = {call.state for call in outcome.calls}
    assert ("RecordFailure" in ends) == (status == "FAILED"), "every failure is recorded"


@pytest.mark.parametrize("scenario", INVESTIGATE)
def test_investigate_case_as_on_sfnx(scenario: str) -> None:
    value, answers, status = INVESTIGATE[scenario]
    outcome = assert_same(machine("investigate_case"), value, {**FOUND, **answers}, ordered=False)
    assert outcome.status == status


@pytest.mark.parametrize("domain", ["Order", "Payment", "Inventory"])
def test_a_silent_domain_escalates(domain: str) -> None:
    answers = {**FOUND, f"Fetch{domain}Evidence": TaskError("KeyError", "x")}
    outcome = assert_same(machine("investigate_case"), ASKED, answers, ordered=False)
    assert outcome.status == "SUCCEEDED"
    assert outcome.calls[-1].state == "InvestigateMonolith"


@pytest.mark.parametrize("scenario", SETTLE)
def test_settle_claim_as_on_sfnx(scenario: str) -> None:
    answers, status = SETTLE[scenario]
    outcome = assert_same(machine("settle_claim"), SETTLEMENT, {**DONE, **answers})
    assert outcome.status == status
    check_compensation(outcome)


@pytest.mark.parametrize("scenario", SETTLE)
def test_settle_claim_as_on_moto(scenario: str) -> None:
    answers, _ = SETTLE[scenario]
    assert_same_as_moto(machine("settle_claim"), SETTLEMENT, {**DONE, **answers})


@pytest.mark.parametrize("scenario", INVESTIGATE)
def test_investigate_case_as_on_moto(scenario: str) -> None:
    value, answers, _ = INVESTIGATE[scenario]
    answers = {**FOUND, **answers}
    assert_same_as_moto(machine("investigate_case"), value, answers, ordered=False)


def assert_same_as_moto(
    definition: dict[str, Any], value: Any, answers: dict[str, Any], *, ordered: bool = True
) -> None:
    """Like `assert_same`, but for causes: in moto a function's error is Lambda's document of it."""
    ours, theirs = (
        run(definition, value, stubs_by_state(answers)).comparable(ordered=ordered)
        for run in (run_on_engine, run_on_moto)
    )
    del ours["cause"], theirs["cause"]
    assert ours == theirs


def check_compensation(outcome: Outcome) -> None:
    """What was begun is undone in reverse order, the half-done step included."""
    undo = {
        "ReserveStock": "ReleaseStock",
        "IssueRefund": "ReverseRefund",
        "ShipReplacement": "CancelReplacement",
    }
    called = list(dict.fromkeys(call.state for call in outcome.calls))
    begun = [state for state in called if state in undo]
    undone = [state for state in called if state not in undo]
    if outcome.status == "SUCCEEDED":
        assert undone == []
        return
    expected = [undo[state] for state in reversed(begun)]
    assert undone == expected[: len(undone)]
    if outcome.error == "SettlementCompensated":
        assert undone == expected
