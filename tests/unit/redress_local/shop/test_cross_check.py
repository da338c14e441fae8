"""The domain rules, applied to generated data, find exactly what was put in: tests both."""

from collections.abc import Iterator
from datetime import datetime
from statistics import median

import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.gateway import load_stock
from redress.domains.inventory.service import available
from redress.domains.orders.evidence import order_evidence
from redress.domains.orders.gateway import load_order
from redress.domains.orders.service import line_refund_minor, shortages
from redress.domains.payments.evidence import payment_evidence
from redress.domains.payments.gateway import load_payments, payments_of
from redress.domains.payments.models import ConflictingEvidence
from redress.domains.payments.service import (
    assess,
    due_minor,
    payment_for_line_refund,
    refundable_minor,
    refunded_pieces,
)
from redress.models.base import dump_json
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import CaseLabel, ExpectedAction
from redress_local.shop.seeding import seed_repositories

Repositories = tuple[MemoryRepository, MemoryRepository, MemoryRepository]


def found(stores: Repositories, label: CaseLabel, as_of: datetime) -> Iterator[ExpectedAction]:
    """Yield the actions that the domain rules call for."""
    orders, payments, inventory = stores
    facts = load_order(orders, label.order_id)
    ledger = load_payments(payments, label.order_id)
    assessed = assess(ledger, as_of)
    assert assessed.conflicts == ()
    for due in assessed.dues:
        alone = due_minor(ledger, due.payment_id, due.reason_code, as_of)
        assert alone == due.amount_minor
        yield ExpectedAction(
            action="refund_payment",
            subject_id=due.payment_id,
            reason_code=due.reason_code,
            amount_minor=due.amount_minor,
        )
    planned: dict[str, int] = {}
    for due in assessed.dues:
        planned[due.payment_id] = planned.get(due.payment_id, 0) + due.amount_minor
    lines = {line.line_id: line for line in facts.order.lines}
    pieces = refunded_pieces(ledger.refunds)
    short = shortages(facts.order, facts.shipments, as_of, pieces)
    stocks = {s.sku: s for s in load_stock(inventory, [s.sku for s in short]).stocks}
    for each in short:
        enough = available(stocks.get(each.sku)) >= each.quantity
        amount = line_refund_minor(lines[each.line_id], each.quantity)
        if not enough:
            payment = payment_for_line_refund(ledger, amount)
            assert not isinstance(payment, ConflictingEvidence)
            planned[payment.payment_id] = planned.get(payment.payment_id, 0) + amount
            assert planned[payment.payment_id] <= refundable_minor(payment, ledger.refunds)
        yield ExpectedAction(
            action="reship_line" if enough else "refund_line",
            subject_id=each.line_id,
            reason_code=each.reason,
            amount_minor=0 if enough else amount,
        )


@pytest.mark.parametrize("seed", [1, 7, 20_260, 999_983])
def test_the_rules_find_what_was_put_in(seed: int) -> None:
    shop, labels = generate_cases(500, seed)
    stores = (MemoryRepository(), MemoryRepository(), MemoryRepository())
    seed_repositories(shop, *stores)
    assert len(labels.cases) == 500
    for label in labels.cases:
        actions = sorted(found(stores, label, labels.as_of), key=lambda a: a.subject_id)
        assert tuple(actions) == label.expected_actions, label


def test_evidence_is_small() -> None:
    shop, labels = generate_cases(200, 5)
    stores = (MemoryRepository(), MemoryRepository(), MemoryRepository())
    seed_repositories(shop, *stores)
    sizes = []
    for label in labels.cases:
        order = load_order(stores[0], label.order_id)
        ledger = load_payments(stores[1], label.order_id)
        others = payments_of(stores[1], label.customer_id)
        stock = load_stock(stores[2], [line.sku for line in order.order.lines])
        bundles = (
            order_evidence(order, labels.as_of),
            payment_evidence(ledger, labels.as_of, others),
            inventory_evidence(stock),
        )
        assert [bundle.missing for bundle in bundles] == [(), (), ()] or label.look_alike
        shown = {item.evidence_id: item.facts for bundle in bundles for item in bundle.items}
        sizes.append(len(dump_json(shown)))
    assert median(sizes) <= 1_500
    assert max(sizes) <= 3_000
