"""FetchOrderEvidence, FetchPaymentEvidence, FetchInventoryEvidence."""

from typing import Any

import msgspec
import pytest
from grant_world import granted
from redress.errors import ForeignOrderError, UnknownOrderError
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES
from redress.models.case import CaseRequest
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
from redress.steps.fetch_order_evidence import fetch_order_evidence
from redress.steps.fetch_payment_evidence import fetch_payment_evidence


def test_what_the_domains_know(world: Any) -> None:
    request = CaseRequest(world.case())
    bundles = [
        fetch_order_evidence(request, world.orders, granted(world.case())),
        fetch_payment_evidence(request, world.payments, granted(world.case())),
        fetch_inventory_evidence(request, world.inventory, granted(world.case())),
    ]
    assert [bundle.domain for bundle in bundles] == ["orders", "payments", "inventory"]
    ids = {item.evidence_id for bundle in bundles for item in bundle.items}
    assert ids >= {"orders/ord_1", "payments/pay_1", "payments/pay_2", "inventory/sku_b"}
    assert not any(bundle.missing for bundle in bundles)


def test_equal_payments_on_other_orders_are_told(world: Any) -> None:
    from redress.domains.payments.gateway import put_payment

    other = world.payment("pay_7", after=60, order_id="ord_7")
    world.payments.commit([put_payment(other, 0)])
    case = world.case()
    bundle = fetch_payment_evidence(CaseRequest(case), world.payments, granted(case))
    facts = {item.evidence_id: item.facts for item in bundle.items}
    assert "payments/pay_7" not in facts
    assert "pay_7" in str(facts["payments/pay_1"])


@pytest.mark.parametrize(
    ("change", "error"),
    [({"customer_id": "cus_2"}, ForeignOrderError), ({"order_id": "ord_2"}, UnknownOrderError)],
)
def test_foreign_and_unknown_orders(world: Any, change: Any, error: type[Exception]) -> None:
    case = world.case(**change)
    with pytest.raises(error):
        fetch_order_evidence(CaseRequest(case), world.orders, granted(case))


FETCHED = {
    "orders": fetch_order_evidence,
    "payments": fetch_payment_evidence,
    "inventory": fetch_inventory_evidence,
}


@pytest.mark.parametrize("domain", FETCHED)
def test_what_the_customer_does_not_let_be_read(world: Any, domain: str) -> None:
    case = world.case()
    scopes = [scope for scope in DEFAULT_CUSTOMER_SCOPES if scope != f"{domain}:read"]
    bundle = FETCHED[domain](
        CaseRequest(case), getattr(world, domain), granted(case, scopes=tuple(scopes))
    )
    assert (bundle.domain, bundle.items) == (domain, ())
    assert bundle.missing == (f"{domain}/not_permitted",)


@pytest.mark.parametrize(
    "change",
    [
        {"case_id": "case_2"},
        {"customer_id": "cus_2"},
        {"order_id": "ord_2"},
        {"grant_id": "grant.case_2"},
    ],
)
@pytest.mark.parametrize("domain", FETCHED)
def test_a_grant_is_good_for_its_own_case_only(world: Any, domain: str, change: Any) -> None:
    grants = granted(world.case())
    case = msgspec.structs.replace(world.case(), **change)
    bundle = FETCHED[domain](CaseRequest(case), getattr(world, domain), grants)
    assert bundle.missing == (f"{domain}/not_permitted",)
