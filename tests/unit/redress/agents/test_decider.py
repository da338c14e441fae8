from typing import Any

import msgspec
import pytest
from redress.agents.budget import Budget
from redress.agents.decider import conclude_investigation
from redress.agents.models.factory import model_factory
from redress.errors import BudgetExceededError
from redress.models.investigation import EvidenceBundle, Usage

PLAYBOOK = model_factory("playbook")


def test_concludes_from_evidence_in_one_call(example: Any) -> None:
    investigation = conclude_investigation(example.request, PLAYBOOK)

    assert [(a.action, a.reason_code) for a in investigation.proposal.actions] == [
        ("refund_payment", "duplicate_charge"),
        ("reship_line", "missing_item"),
    ]
    assert investigation.conclusive
    assert investigation.pattern == "evidence-first"
    assert investigation.usage.model_calls == investigation.usage.tool_calls == 1
    cited = set(investigation.proposal.citations)
    known = {item.evidence_id for item in investigation.evidence}
    assert cited - known == {"refund-policy#duplicate-charges"}


def test_the_same_request_gives_the_same_answer(example: Any) -> None:
    first, second = (conclude_investigation(example.request, PLAYBOOK) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("domain", ["orders", "payments"])
def test_missing_evidence_is_not_conclusive(example: Any, domain: str) -> None:
    bundles = tuple(
        EvidenceBundle(domain=b.domain, items=(), missing=(f"{domain}/all",))
        if b.domain == domain
        else b
        for b in example.request.evidence
    )
    request = msgspec.structs.replace(example.request, evidence=bundles)

    investigation = conclude_investigation(request, PLAYBOOK)

    assert not investigation.conclusive
    assert f"{domain}/all" in investigation.missing
    assert not [a for a in investigation.proposal.actions if a.action == "refund_payment"] or (
        domain == "orders"
    )


def test_without_stock_the_line_is_refunded(example: Any) -> None:
    bundles = tuple(b for b in example.request.evidence if b.domain != "inventory")
    request = msgspec.structs.replace(example.request, evidence=bundles)

    investigation = conclude_investigation(request, PLAYBOOK)

    assert {a.action for a in investigation.proposal.actions} == {"refund_payment", "refund_line"}


def test_usage_and_budget_are_cumulative(example: Any) -> None:
    alone = conclude_investigation(example.request, PLAYBOOK).usage
    spent = Usage(model_calls=3, input_tokens=1_000, cost_usd_micros=50, input_bytes=7)
    request = msgspec.structs.replace(example.request, spent=spent)

    usage = conclude_investigation(request, PLAYBOOK).usage

    assert usage.model_calls == 4
    assert usage.input_tokens == alone.input_tokens + 1_000
    assert usage.input_bytes == alone.input_bytes + 7
    with pytest.raises(BudgetExceededError, match="3 model calls"):
        conclude_investigation(request, PLAYBOOK, budget=Budget(model_calls=3))
    with pytest.raises(BudgetExceededError, match="tokens"):
        conclude_investigation(request, PLAYBOOK, budget=Budget(total_tokens=1_100))
    with pytest.raises(BudgetExceededError, match="USD"):
        conclude_investigation(request, PLAYBOOK, budget=Budget(cost_usd_micros=60))


def test_runs_inside_an_event_loop(example: Any) -> None:
    import asyncio

    async def caller() -> Any:
        return conclude_investigation(example.request, PLAYBOOK)

    assert asyncio.run(caller()) == conclude_investigation(example.request, PLAYBOOK)
