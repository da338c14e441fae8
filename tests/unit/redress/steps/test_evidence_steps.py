"""FetchOrderEvidence, FetchPaymentEvidence, FetchInventoryEvidence."""

from typing import Any

import pytest
from redress.errors import ForeignOrderError, UnknownOrderError
from redress.models.case import CaseRequest
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
from redress.steps.fetch_order_evidence import fetch_order_evidence
from redress.steps.fetch_payment_evidence import fetch_payment_evidence


def test_what_the_domains_know(world: Any) -> None:
    request = CaseRequest(world.case())
    bundles = [
        fetch_order_evidence(request, world.orders),
        fetch_payment_evidence(request, world.payments),
        fetch_inventory_evidence(request, world.inventory),
    ]
    assert [bundle.domain for bundle in bundles] == ["orders", "payments", "inventory"]
    ids = {item.evidence_id for bundle in bundles for item in bundle.items}
    assert ids >= {"orders/ord_1", "payments/pay_1", "payments/pay_2", "inventory/sku_b"}
    assert not any(bundle.missing for bundle in bundles)


def test_equal_payments_on_other_orders_are_told(world: Any) -> None:
    from redress.domains.payments.gateway import put_payment

    other = world.payment("pay_7", after=60, order_id="ord_7")
    world.payments.commit([put_payment(other, 0)])
    bundle = fetch_payment_evidence(CaseRequest(world.case()), world.payments)
    facts = {item.evidence_id: item.facts for item in bundle.items}
    assert "payments/pay_7" not in facts
    assert "pay_7" in str(facts["payments/pay_1"])


def test_foreign_and_unknown_orders(world: Any) -> None:
    with pytest.raises(ForeignOrderError):
        fetch_order_evidence(CaseRequest(world.case(customer_id="cus_2")), world.orders)
    with pytest.raises(UnknownOrderError):
        fetch_order_evidence(CaseRequest(world.case(order_id="ord_2")), world.orders)
