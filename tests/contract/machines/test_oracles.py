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
    "InvestigateOrchestrator": payload(investigation(pattern="orchestrator")),
    "InvestigatePipeline": child(investigation(pattern="pipeline")),
    "InvestigateSwarm": child(investigation(pattern="swarm")),
}
DEAD = TaskError("BudgetExceededError", "it used all its model calls")
SLOW = TaskError("States.Timeout", "")


def report(domain: str) -> dict[str, Any]:
    evidence = {"domain": domain, "items": [], "missing": []}
    return {"domain": domain, "evidence": evidence, "summary": "x", "usage": {"model_calls": 2}}


REPORTED = {
    "RunOrdersAgent": payload(report("orders")),
    "RunPaymentsAgent": payload(report("payments")),
    "RunInventoryAgent": payload(report("inventory")),
    "ConcludeInvestigation": payload(investigation()),
}
STAGES = list(REPORTED)
CHILDREN = {"pipeline", "swarm"}
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
    "orchestrator": ({**ASKED, "case": {**CASE, "pattern": "orchestrator"}}, {}, "SUCCEEDED"),
    "pipeline": ({**ASKED, "case": {**CASE, "pattern": "pipeline"}}, {}, "SUCCEEDED"),
    "swarm": ({**ASKED, "case": {**CASE, "pattern": "swarm"}}, {}, "SUCCEEDED"),
    "a stage of the pipeline fails": (
        {**ASKED, "case": {**CASE, "pattern": "pipeline"}},
        {"InvestigatePipeline": TaskError("States.TaskFailed", '{"Error":"OrdersStageFailed"}')},
        "FAILED",
    ),
    "the swarm cannot be started at first": (
        {**ASKED, "case": {**CASE, "pattern": "swarm"}},
        {
            "InvestigateSwarm": [
                TaskError("StepFunctions.ThrottlingException", "x"),
                FOUND["InvestigateSwarm"],
            ]
        },
        "SUCCEEDED",
    ),
    "the orchestrator gives up": (
        {**ASKED, "case": {**CASE, "pattern": "orchestrator"}},
        {"InvestigateOrchestrator": TaskError("BudgetExceededError", "x")},
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
    assert outcome.calls[-1].state == "InvestigateOrchestrator"


@pytest.mark.parametrize("moto", [False, True], ids=["sfnx", "moto"])
@pytest.mark.parametrize("stage", [None, *STAGES])
def test_a_pipeline_stops_at_the_stage_that_fails(stage: str | None, moto: bool) -> None:
    answers = {**REPORTED, **({stage: DEAD} if stage else {})}
    definition = machine("investigate_pipeline")
    if moto:
        assert_same_as_moto(definition, ASKED, answers)
        return
    outcome = assert_same(definition, ASKED, answers)
    done = STAGES[: STAGES.index(stage) + 1] if stage else STAGES
    assert [call.state for call in outcome.calls] == done
    assert outcome.status == ("FAILED" if stage else "SUCCEEDED")
    if stage:
        named = stage.removeprefix("Run").removesuffix("Agent").replace("Conclude", "")
        assert outcome.error == {"Investigation": "Conclusion"}.get(named, named) + "StageFailed"


def test_a_pipeline_hands_on_what_was_found() -> None:
    outcome = assert_same(machine("investigate_pipeline"), ASKED, REPORTED)
    handed = [call.arguments["Payload"].get("reports", []) for call in outcome.calls]
    found = [report("orders"), report("payments"), report("inventory")]
    assert handed == [found[:n] for n in range(4)]


@pytest.mark.parametrize(
    ("error", "moto"),
    [(DEAD, False), (SLOW, False), (DEAD, True)],
    ids=["dead, sfnx", "slow, sfnx", "dead, moto"],
)
@pytest.mark.parametrize("dead", [(), *((s,) for s in STAGES[:3]), tuple(STAGES[:3])], ids=len)
def test_a_swarm_goes_on_without_who_gives_no_answer(
    dead: tuple[str, ...], error: TaskError, moto: bool
) -> None:
    answers = {**REPORTED, **dict.fromkeys(dead, error)}
    definition = machine("investigate_swarm")
    if moto:
        assert_same_as_moto(definition, ASKED, answers, ordered=False)
        return
    outcome = assert_same(definition, ASKED, answers, ordered=False)
    assert outcome.status == "SUCCEEDED"
    (last,) = (call for call in outcome.calls if call.state == "ConcludeInvestigation")
    missing = {m for r in last.arguments["Payload"]["reports"] for m in r["evidence"]["missing"]}
    domains = {s.removeprefix("Run").removesuffix("Agent").lower() for s in dead}
    assert missing == {f"{domain}/unavailable" for domain in domains}


def test_a_swarm_without_a_conclusion_fails() -> None:
    answers = {**REPORTED, "ConcludeInvestigation": DEAD}
    outcome = assert_same(machine("investigate_swarm"), ASKED, answers, ordered=False)
    assert (outcome.status, outcome.error) == ("FAILED", "SwarmFailed")


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


# moto knows no .sync:2.
ON_MOTO = [
    s for s, (value, _, _) in INVESTIGATE.items() if value["case"]["pattern"] not in CHILDREN
]


@pytest.mark.parametrize("scenario", ON_MOTO)
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
