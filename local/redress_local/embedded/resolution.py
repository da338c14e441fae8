"""Puts one event on the bus, follows the case to its end, and says what happened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asl_engine import ExecutionNotFoundError
from redress.models.base import dump
from redress.models.case import CaseRecord
from redress.models.investigation import PRECEDENT
from redress.models.settlement import ApprovalRequest
from redress.steps.case_records import find_approval, find_case
from redress.steps.effects import effects_of

from redress_local.embedded.ledger import Ledger, ledger_delta, read_ledger
from redress_local.embedded.trace import ORCHESTRATOR, Show, StateVisit, Trace, first_failure

if TYPE_CHECKING:
    from asl_engine import Execution

    from redress_local.embedded.cloud import EmbeddedCloud

SCHEMA_VERSION = "1"
"""Version of the JSON that `redress resolve` and `redress cases show` print."""


class NotTakenError(Exception):
    """No rule started an execution for the event."""


class CaseLedgers:
    """The systems of record as the CLI reads them."""

    def __init__(self, cloud: EmbeddedCloud) -> None:
        self.orders = cloud.domain("orders")
        self.payments = cloud.domain("payments")
        self.inventory = cloud.domain("inventory")

    def of(self, order_id: object) -> Ledger:
        """The ledger of an order; empty for what is no order id."""
        if not isinstance(order_id, str):
            return {}
        return read_ledger(order_id, self.orders, self.payments, self.inventory)

    def effects(self, case_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The effects of a case by ruled action and subject; of several the last step's."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        # In the order of the saga: what ships has the last word on a reshipment.
        for repository in (self.inventory, self.payments, self.orders):
            for record in effects_of(repository, case_id):
                key = (record.action.action, record.action.subject_id)
                found[key] = dump(record.effect)
        return found


def resolve(
    cloud: EmbeddedCloud,
    entry: Mapping[str, Any],
    *,
    on_state: Show | None = None,
    on_wait: Show | None = None,
    timeout: float = 86_400.0,
) -> dict[str, Any]:
    """Put a CaseOpened event on the bus and follow its execution until it ends or waits.

    Args:
        cloud: Where.
        entry: As PutEvents takes it.
        on_state: Called with each state when it is left.
        on_wait: Called with a state that waits for a human.
        timeout: Seconds to wait at most.

    Returns:
        What happened, as docs/cli.md describes it.

    Raises:
        EventsError: The entry is no event.
        NotTakenError: No rule takes it, or its target refused it.
    """
    detail = entry["Detail"]
    ledgers = CaseLedgers(cloud)
    before = ledgers.of(detail.get("order_id"))
    started = time.perf_counter()
    event_id = cloud.bus.new_id()
    traces = {
        arn: Trace(arn, on_exit=on_state, on_wait=on_wait) for arn in cloud.executions_of(event_id)
    }

    def hear(arn: str, event: dict[str, Any]) -> None:
        for trace in traces.values():
            trace.hear(arn, event)

    unsubscribe = cloud.engine.subscribe(hear)
    try:
        cloud.bus.put([entry], ids=[event_id])
        execution, trace = _started(cloud, traces)
        execution = cloud.settle(execution.arn, timeout)
    finally:
        unsubscribe()
    elapsed = (time.perf_counter() - started) * 1000
    made = describe(cloud, execution, trace, detail, ledgers)
    after = ledgers.of(detail.get("order_id"))
    return {
        **made,
        "event_id": event_id,
        "ledger": {"before": entries(before), "after": entries(after)},
        "ledger_delta": ledger_delta(before, after),
        "duration_ms": round(elapsed, 1),
    }


def _started(cloud: EmbeddedCloud, traces: dict[str, Trace]) -> tuple[Execution, Trace]:
    for arn, trace in traces.items():
        try:
            return cloud.engine.describe(arn), trace
        except ExecutionNotFoundError:
            continue
    raise NotTakenError("no rule of the bus took the event: see `redress events dlq`")


def describe(
    cloud: EmbeddedCloud,
    execution: Execution,
    trace: Trace,
    detail: Mapping[str, Any],
    ledgers: CaseLedgers,
) -> dict[str, Any]:
    """Say what an execution made of a case."""
    cases = cloud.domain("cases")
    case_id = detail.get("case_id")
    stored = find_case(cases, case_id) if isinstance(case_id, str) else None
    output = execution.output if isinstance(execution.output, dict) else {}
    settled_before = execution.status == "SUCCEEDED" and "status" not in output
    # An event that was rejected may name the case of somebody else.
    is_its = stored is not None and (settled_before or stored.record.owner == execution.arn)
    record = stored.record if stored is not None and is_its else None
    spent = trace.variables.get("investigation") or {}
    if settled_before and record is not None:
        trace = trace_of(cloud, record.owner)
        output = dict(record.outcome or {})
    status = _status(execution, output, record)
    variables = trace.variables
    investigation = variables.get("investigation") or {}
    approval = _approval(cloud, record)
    ruling = variables.get("ruling") or {}
    usage = spent.get("usage") or {}
    return {
        "schema_version": SCHEMA_VERSION,
        "case_id": case_id if isinstance(case_id, str) else output.get("case_id"),
        "status": status,
        "already_settled": settled_before,
        "pattern": (variables.get("case") or {}).get("pattern") or (record and record.pattern),
        "actions": ruled_actions(ruling, ledgers.effects(record.case_id) if record else {}),
        "findings": list(output.get("findings") or []),
        "explanation": output.get("explanation")
        or (investigation.get("proposal") or {}).get("explanation", ""),
        "reasons": list(output.get("reasons") or ruling.get("reasons") or []),
        "evidence": _evidence(investigation, variables.get("passages") or []),
        "missing": list(investigation.get("missing") or []),
        "reconciliation": variables.get("reconciliation"),
        "approval": approval,
        "failure": _failure(execution, trace) if status == "failed" else None,
        "transitions": trace.transitions if not settled_before else _transitions(cloud, execution),
        "model": investigation.get("model"),
        "model_calls": usage.get("model_calls", 0),
        "tool_calls": usage.get("tool_calls", 0),
        "model_input_bytes": usage.get("input_bytes", 0),
        "tokens": {
            "input": usage.get("input_tokens", 0),
            "output": usage.get("output_tokens", 0),
        },
        "cost_usd": usage.get("cost_usd_micros", 0) / 1_000_000,
        "execution_arn": execution.arn,
        "states": [_visit(visit) for visit in trace.visits],
    }


def trace_of(cloud: EmbeddedCloud, arn: str, *, with_tasks: bool = True) -> Trace:
    """Read a trace from the journal; an execution that is gone has an empty one.

    Args:
        cloud: Where.
        arn: The execution.
        with_tasks: Whether to look for the A2A tasks of its agents, among all that there were.
    """
    trace = Trace(arn)
    try:
        trace.read(arn, cloud.engine.history)
    except ExecutionNotFoundError:
        return trace
    if with_tasks and any(visit.name == ORCHESTRATOR for visit in trace.visits):
        tasks = cloud.engine.list_executions(cloud.task_machine)
        trace.read_tasks(reversed(tasks), cloud.engine.history)
    return trace


def entries(ledger: Ledger) -> list[dict[str, Any]]:
    """A ledger as a list, by kind and id."""
    return [{"kind": kind, "id": key, **values} for (kind, key), values in sorted(ledger.items())]


def _transitions(cloud: EmbeddedCloud, execution: Execution) -> int:
    return trace_of(cloud, execution.arn).transitions


def _status(execution: Execution, output: Mapping[str, Any], record: CaseRecord | None) -> str:
    if execution.status == "RUNNING":
        return "awaiting_approval"
    if execution.status != "SUCCEEDED":
        return "failed"
    status = output.get("status") or (record.status if record else "failed")
    # Somebody else works on it: what will come of it is not known yet.
    return "awaiting_approval" if status == "open" else str(status)


def _failure(execution: Execution, trace: Trace) -> dict[str, Any]:
    """What went wrong first, where a task did; what the execution says otherwise."""
    visit = first_failure(trace)
    if visit is not None:
        return {"state": visit.name, "error": visit.error, "message": visit.message}
    return {"state": None, "error": execution.error, "message": execution.cause}


def ruled_actions(
    ruling: Mapping[str, Any], effects: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The actions of a ruling with what became of them: `state` done, compensated, denied, ..."""
    made = []
    for action in ruling.get("actions") or []:
        effect = effects.get((action["action"], action["subject_id"]))
        made.append(
            {
                "action": action["action"],
                "subject_id": action["subject_id"],
                "reason_code": action["reason_code"],
                "amount_minor": action["amount_minor"],
                "currency": action["currency"],
                "payee": action["payee"],
                "sku": action["sku"],
                "quantity": action["quantity"],
                "decision": action["decision"],
                "state": effect["state"] if effect else _undone(action["decision"]),
                "reference": effect["reference"] if effect else None,
                "reasons": action["reasons"],
            }
        )
    return made


def _undone(decision: str) -> str:
    return "denied" if decision == "deny" else "not_done"


def _evidence(
    investigation: Mapping[str, Any], passages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    cited = set((investigation.get("proposal") or {}).get("citations") or [])
    found = [
        {
            "evidence_id": item["evidence_id"],
            "domain": item["domain"],
            "summary": item["summary"],
            "cited": item["evidence_id"] in cited,
        }
        for item in investigation.get("evidence") or []
    ]
    found += [
        {
            "evidence_id": passage["passage_id"],
            "domain": "earlier cases" if passage["passage_id"].startswith(PRECEDENT) else "policy",
            "summary": passage["title"],
            "cited": passage["passage_id"] in cited,
        }
        for passage in passages
    ]
    return found


def _approval(cloud: EmbeddedCloud, record: CaseRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    stored = find_approval(cloud.domain("cases"), record.case_id)
    return None if stored is None else public_approval(stored.request)


def public_approval(request: ApprovalRequest) -> dict[str, Any]:
    """A question to a human without its task token."""
    shown: dict[str, Any] = dump(request)
    for secret in ("task_token", "ruling"):
        shown.pop(secret, None)
    return shown


def _visit(visit: StateVisit) -> dict[str, Any]:
    return {
        "name": visit.name,
        "machine": visit.machine,
        "kind": visit.kind,
        "depth": visit.depth,
        "ms": visit.milliseconds,
        "attempts": visit.attempts,
        "error": visit.error,
        "message": visit.message,
    }
