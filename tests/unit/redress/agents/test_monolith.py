from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from grant_world import granted
from redress.adapters.resolutions import MAX_CHARACTERS, as_passage
from redress.agents.decider import conclude_investigation
from redress.agents.models.factory import model_factory
from redress.agents.monolith import OrderAgent, investigate_monolith
from redress.errors import DependencyUnavailableError
from redress.models.resolution import PastAction, PastResolution
from redress_local.shop.generator import generate_cases

PLAYBOOK = model_factory("playbook")


def test_gathers_its_own_evidence_and_proposes(example: Any) -> None:
    investigation = investigate_monolith(example.request, *example.repositories, PLAYBOOK)
    decided = conclude_investigation(example.request, PLAYBOOK)

    assert investigation.proposal.actions == decided.proposal.actions
    assert investigation.pattern == "monolith"
    assert investigation.program == decided.program
    gathered = {item.evidence_id for item in investigation.evidence}
    fetched = {item.evidence_id for item in decided.evidence}
    assert gathered < fetched, "stock is asked for what is short only"
    assert investigation.usage.model_calls == investigation.usage.tool_calls


def test_its_model_input_is_a_multiple_of_the_deciders(example: Any) -> None:
    loop = investigate_monolith(example.request, *example.repositories, PLAYBOOK)
    once = conclude_investigation(example.request, PLAYBOOK)

    assert once.usage.input_bytes <= 0.12 * loop.usage.input_bytes
    assert once.usage.cost_usd_micros < loop.usage.cost_usd_micros


def test_an_earlier_case_costs_little_and_changes_nothing(example: Any) -> None:
    actions = [
        PastAction(action, reason, state)
        for action, reason in (
            ("refund_payment", "refund_not_received"),
            ("reship_line", "not_delivered"),
            ("refund_line", "wrong_item"),
        )
        for state in ("not_done", "denied")
    ]
    findings = ("authorisation_voided", "charged_as_invoiced")
    earlier = as_passage(
        PastResolution("0123456789abcdef", example.request.case.as_of, tuple(actions), findings)
    )
    assert MAX_CHARACTERS - 50 < len(earlier.text) <= MAX_CHARACTERS
    request = msgspec.structs.replace(
        example.request, passages=(*example.request.passages, earlier)
    )
    loop = investigate_monolith(request, *example.repositories, PLAYBOOK)
    once = conclude_investigation(request, PLAYBOOK)

    assert once.usage.input_bytes <= 0.12 * loop.usage.input_bytes
    without = conclude_investigation(example.request, PLAYBOOK)
    assert once.proposal.actions == without.proposal.actions
    assert once.conclusive == without.conclusive


def test_a_store_that_fails_ends_the_run(example: Any) -> None:
    class Broken:
        def query(self, *args: Any) -> Any:
            raise DependencyUnavailableError("the table did not answer")

    orders, _, inventory, grants = example.repositories

    with pytest.raises(DependencyUnavailableError, match="table"):
        investigate_monolith(example.request, orders, Broken(), inventory, grants, PLAYBOOK)


def test_runs_side_by_side(example: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(
                lambda _: investigate_monolith(example.request, *example.repositories, PLAYBOOK),
                range(8),
            )
        )

    assert all(result == results[0] for result in results)


def test_every_tool_says_what_it_does() -> None:
    for name, tool in vars(OrderAgent).items():
        spec = getattr(tool, "tool_spec", None)
        if spec is not None:
            assert spec["name"] == name
            assert spec["description"]


@pytest.mark.parametrize("seed", [1, 2])
def test_both_patterns_are_right_on_cases_never_seen(seed: int) -> None:
    from redress.adapters.memory.repository import MemoryRepository
    from redress.models.case import CaseRequest, SupportCase
    from redress.models.investigation import InvestigationRequest
    from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
    from redress.steps.fetch_order_evidence import fetch_order_evidence
    from redress.steps.fetch_payment_evidence import fetch_payment_evidence
    from redress_local.shop.seeding import seed_repositories

    shop, labels = generate_cases(25, seed)
    orders, payments, inventory = (MemoryRepository() for _ in range(3))
    seed_repositories(shop, orders, payments, inventory)
    skus = {order.order_id: {line.sku for line in order.lines} for order in shop.orders}
    for label in labels.cases:
        case = SupportCase(
            case_id=label.case_id,
            customer_id=label.customer_id,
            order_id=label.order_id,
            statement=label.statement,
            pattern="monolith",
            as_of=labels.as_of,
            skus=tuple(sorted(skus[label.order_id])),
            grant_id=f"grant.{label.case_id}",
        )
        asked, grants = CaseRequest(case=case), granted(case)
        request = InvestigationRequest(
            case=case,
            passages=(),
            evidence=(
                fetch_order_evidence(asked, orders, grants),
                fetch_payment_evidence(asked, payments, grants),
                fetch_inventory_evidence(asked, inventory, grants),
            ),
        )
        expected = {(a.action, a.subject_id, a.reason_code) for a in label.expected_actions}
        for investigation in (
            conclude_investigation(request, PLAYBOOK),
            investigate_monolith(request, orders, payments, inventory, grants, PLAYBOOK),
        ):
            proposed = {
                (a.action, a.subject_id, a.reason_code) for a in investigation.proposal.actions
            }
            assert proposed == expected, (label.kind, label.look_alike)
