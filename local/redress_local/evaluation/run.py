"""Runs labelled cases through the whole workflow and compares what was done with what is true."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from asl_engine import SystemClock, VirtualClock
from redress.models.base import dump

from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import CaseLedgers, ruled_actions, trace_of
from redress_local.embedded.trace import Trace, first_failure
from redress_local.evaluation.cpu import cpu_seconds
from redress_local.shop.labels import to_case_opened

if TYPE_CHECKING:
    from redress.models.case import Pattern

    from redress_local.shop.document import Shop
    from redress_local.shop.labels import CaseLabel, Labels

_SHOWN_WRONG = 20


class CaseResult(msgspec.Struct, kw_only=True):
    """What became of one case.

    Attributes:
        done: Executed actions: action, subject, reason and amount in minor units.
        cpu_seconds: Of the whole workflow, this process and its children.
    """

    label: CaseLabel
    status: str
    failure: str
    done: list[tuple[str, str, str, int]]
    approvals: int
    usage: dict[str, int]
    seconds: float
    cpu_seconds: float


def evaluate(
    shop: Shop,
    labels: Labels,
    pattern: Pattern,
    *,
    model: str = "playbook",
    on_case: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Run every labelled case with one pattern, on a fresh store.

    Cases run one after the other in this thread. With the playbook, time is virtual, so that the
    same call gives the same answer. What needs approval is approved, as a human would.

    Returns:
        `{cases, accuracy, by_claim, false_refunds, missed, approvals, tokens, model_calls, ...}`,
        as docs/cli.md describes it.
    """
    start = labels.as_of.timestamp()
    clock = VirtualClock(start) if model == "playbook" else SystemClock()
    began = time.perf_counter()
    results = []
    with EmbeddedCloud.open(
        None, shop=shop, model=model, clock=clock, workers=0, durable=False
    ) as cloud:
        cloud.warm(pattern)
        ledgers = CaseLedgers(cloud)
        for label in labels.cases:
            results.append(_run(cloud, ledgers, labels, label, pattern))
            on_case()
    return _summary(results, model, time.perf_counter() - began)


def _run(
    cloud: EmbeddedCloud, ledgers: CaseLedgers, labels: Labels, label: CaseLabel, pattern: Pattern
) -> CaseResult:
    detail = {**dump(to_case_opened(label, labels.as_of)), "pattern": pattern}
    entry = {
        "EventBusName": cloud.case_bus,
        "Source": "redress.eval",
        "DetailType": "CaseOpened",
        "Detail": detail,
        "Time": dump(labels.as_of),
    }
    wall, cpu = time.perf_counter(), cpu_seconds()
    event_id = cloud.put([entry])[0]
    (arn,) = cloud.executions_of(event_id)
    execution = cloud.settle(arn)
    approvals = 0
    while cloud.is_waiting(arn):
        approvals += 1
        cloud.answer({"case_id": label.case_id, "decision": "approve", "approver": "evaluation"})
        execution = cloud.settle(arn)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    trace = trace_of(cloud, arn, with_tasks=False)
    output = execution.output if isinstance(execution.output, dict) else {}
    actions = ruled_actions(trace.variables.get("ruling") or {}, ledgers.effects(label.case_id))
    return CaseResult(
        label=label,
        status=output.get("status", "failed"),
        failure=_failure(trace) if execution.status != "SUCCEEDED" else "",
        done=sorted(
            (a["action"], a["subject_id"], a["reason_code"], a["amount_minor"])
            for a in actions
            if a["state"] == "done"
        ),
        approvals=approvals,
        usage=(trace.variables.get("investigation") or {}).get("usage") or {},
        seconds=wall,
        cpu_seconds=cpu,
    )


def _failure(trace: Trace) -> str:
    visit = first_failure(trace)
    return f"{visit.name}: {visit.error}: {visit.message}"[:300] if visit else "unknown"


def expected_of(label: CaseLabel) -> list[tuple[str, str, str, int]]:
    """A label's actions as `CaseResult.done` lists them."""
    return sorted(
        (action.action, action.subject_id, action.reason_code, action.amount_minor)
        for action in label.expected_actions
    )


def is_correct(result: CaseResult) -> bool:
    """Whether exactly the expected actions were executed, amounts included, and the case ended."""
    return result.status != "failed" and result.done == expected_of(result.label)


def has_false_refund(result: CaseResult) -> bool:
    """Whether more money went back on anything than is due."""
    due: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for _, subject, _, amount in expected_of(result.label):
        due[subject] += amount
    for _, subject, _, amount in result.done:
        paid[subject] += amount
    return any(amount > due[subject] for subject, amount in paid.items())


def _summary(results: list[CaseResult], model: str, seconds: float) -> dict[str, Any]:
    count = max(1, len(results))
    claims: dict[str, list[CaseResult]] = defaultdict(list)
    usage: Counter[str] = Counter()
    for result in results:
        claims[result.label.kind].append(result)
        usage.update(result.usage)
    wrong = [result for result in results if not is_correct(result)]
    return {
        "cases": len(results),
        "model": model,
        "accuracy": round((len(results) - len(wrong)) / count, 4),
        "by_claim": {kind: _claim(found) for kind, found in sorted(claims.items())},
        "false_refunds": sum(has_false_refund(result) for result in results),
        "missed": sum(bool(set(expected_of(r.label)) - set(r.done)) for r in results),
        "failed": sum(result.status == "failed" for result in results),
        "approvals": sum(result.approvals for result in results),
        "tokens": {"input": usage["input_tokens"], "output": usage["output_tokens"]},
        "model_calls": usage["model_calls"],
        "tool_calls": usage["tool_calls"],
        "model_input_bytes": usage["input_bytes"],
        "cpu_ms_per_case": round(sum(r.cpu_seconds for r in results) * 1000 / count, 2),
        "ms_per_case": round(sum(r.seconds for r in results) * 1000 / count, 2),
        "cost_usd_per_case": round(usage["cost_usd_micros"] / 1_000_000 / count, 6),
        "seconds": round(seconds, 2),
        "wrong": [
            {
                "case_id": result.label.case_id,
                "kind": result.label.kind,
                "look_alike": result.label.look_alike,
                "status": result.status,
                "failure": result.failure,
                "expected": expected_of(result.label),
                "done": result.done,
            }
            for result in wrong[:_SHOWN_WRONG]
        ],
    }


def _claim(results: list[CaseResult]) -> dict[str, Any]:
    correct = sum(is_correct(result) for result in results)
    return {
        "cases": len(results),
        "correct": correct,
        "accuracy": round(correct / len(results), 4),
        "false_refunds": sum(has_false_refund(result) for result in results),
    }
