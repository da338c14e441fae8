"""The domain rules, applied to generated data, find exactly what was put in: tests both."""

from collections.abc import Iterator

import pytest

from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.gateway import load_stock
from redress.domains.inventory.service import available
from redress.domains.orders.gateway import load_order
from redress.domains.orders.service import line_refund_minor, shortages
from redress.domains.payments.gateway import load_payments
from redress.domains.payments.models import ConflictingEvidence
from redress.domains.payments.service import (
    assess,
    due_minor,
    payment_for_line_refund,
    refunded_pieces,
)
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import CaseLabel, ExpectedAction
from redress_local.shop.seeding import seed_repositories

Repositories = tuple[MemoryRepository, MemoryRepository, MemoryRepository]


def found(stores: Repositories, label: CaseLabel, as_of: object) -> Iterator[ExpectedAction]:
    """Yield the actions that the domain rules call for."""
    orders, payments, inventory = stores
    facts = load_order(orders, label.order_id)
    ledger = load_payments(payments, label.order_id)
    assessed = assess(ledger, as_of)  # type: ignore[arg-type]
    assert assessed.conflicts == ()
    for due in assessed.dues:
        alone = due_minor(ledger, due.payment_id, due.reason_code, as_of)  # type: ignore[arg-type]
        assert alone == due.amount_minor
        yield ExpectedAction(
            action="refund_payment",
            subject_id=due.payment_id,
            reason_code=due.reason_code,
            amount_minor=due.amount_minor,
        )
    lines = {line.line_id: line for line in facts.order.lines}
    pieces = refunded_pieces(ledger.refunds)
    short = shortages(facts.order, facts.shipments, as_of, pieces)  # type: ignore[arg-type]
    stocks = {s.sku: s for s in load_stock(inventory, [s.sku for s in short]).stocks}
    for each in short:
        enough = available(stocks.get(each.sku)) >= each.quantity
        amount = line_refund_minor(lines[each.line_id], each.quantity)
        if not enough:
            payment = payment_for_line_refund(ledger, amount)
            assert not isinstance(payment, ConflictingEvidence)
            assert payment.payment_id not in {due.payment_id for due in assessed.dues} or any(
                due.reason_code == "overcharged" for due in assessed.dues
            )
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
