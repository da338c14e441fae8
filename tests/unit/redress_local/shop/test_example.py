"""The fixed example and the event that opens its case."""

import json
from pathlib import Path

from redress.domains.inventory.service import available
from redress.domains.orders.service import shortages
from redress.domains.payments.models import PaymentFacts
from redress.domains.payments.service import assess
from redress.models.base import parse
from redress.models.case import CaseOpened
from redress_local.shop.checks import remarks
from redress_local.shop.example import example_shop

ROOT = Path(__file__).parents[4]


def test_the_event_opens_a_case_about_the_first_order() -> None:
    envelope = json.loads((ROOT / "events" / "case_opened.json").read_text(encoding="utf-8"))
    assert (envelope["source"], envelope["detail-type"]) == ("redress.api", "CaseOpened")
    opened = parse(CaseOpened, envelope["detail"])
    shop = example_shop()
    assert (opened.order_id, opened.customer_id) == (
        shop.orders[0].order_id,
        shop.orders[0].customer_id,
    )
    assert opened.opened_at == shop.as_of


def test_one_order_was_charged_twice_and_came_short_and_the_others_are_in_order() -> None:
    shop = example_shop()
    assert list(remarks(shop)) == []
    due: list[tuple[str, str, int]] = []
    short: list[tuple[str, str, int]] = []
    for order in shop.orders:
        facts = PaymentFacts(
            order_id=order.order_id,
            payments=tuple(p for p in shop.payments if p.order_id == order.order_id),
            refunds=tuple(r for r in shop.refunds if r.order_id == order.order_id),
            invoice=next(i for i in shop.invoices if i.order_id == order.order_id),
        )
        found = assess(facts, shop.as_of)
        assert found.conflicts == ()
        due += [(d.payment_id, d.reason_code, d.amount_minor) for d in found.dues]
        shipments = [s for s in shop.shipments if s.order_id == order.order_id]
        short += [
            (s.line_id, s.reason, s.quantity) for s in shortages(order, shipments, shop.as_of)
        ]
    assert due == [("pay_1001_b", "duplicate_charge", 6_490)]
    assert short == [("line_1001_teapot", "missing_item", 1)]
    stock = next(s for s in shop.stock if s.sku == "sku_teapot")
    assert available(stock) >= 1
