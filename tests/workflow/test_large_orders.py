"""An order of any size ends as a case does: resolved, or parked with the limit it ran into."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from redress.models.base import dump
from redress.steps.case_records import load_case
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import resolve
from redress_local.project import find_project
from redress_local.shop.document import Shop
from redress_local.shop.example import example_shop

ORDER = "ord_1001"


def large_shop(lines: int, payments: int) -> Shop:
    """The example shop: one of many lines is missing, one of many payments is a duplicate."""
    shop = example_shop()
    (order,) = (o for o in shop.orders if o.order_id == ORDER)
    (shipment,) = (s for s in shop.shipments if s.order_id == ORDER)
    (invoice,) = (i for i in shop.invoices if i.order_id == ORDER)
    payment = next(p for p in shop.payments if p.order_id == ORDER)
    many = tuple(
        replace(
            order.lines[0],
            line_id=f"line_{n}_{'x' * 40}",
            sku=f"sku_{n}_{'y' * 40}",
            unit_price_minor=100,
            quantity=1,
        )
        for n in range(lines)
    )
    total = lines * 100 + order.shipping_minor
    item = shipment.parcels[0].items[0]
    items = tuple(replace(item, sku=line.sku, quantity=1) for line in many[1:])
    tries = tuple(
        replace(payment, payment_id=f"pay_{n}_{'z' * 40}", amount_minor=total)
        if n < 2
        else replace(
            payment,
            payment_id=f"pay_{n}_{'z' * 40}",
            amount_minor=total,
            status="voided",
            captured_at=None,
            voided_at=payment.authorised_at,
        )
        for n in range(payments)
    )

    def others(things: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(t for t in things if getattr(t, "order_id", None) != ORDER)

    packed = replace(shipment, parcels=(replace(shipment.parcels[0], items=items),))
    return replace(
        shop,
        orders=(*others(shop.orders), replace(order, lines=many)),
        shipments=(*others(shop.shipments), packed),
        payments=(*others(shop.payments), *tries),
        invoices=(*others(shop.invoices), replace(invoice, total_minor=total)),
        stock=(*shop.stock, *(replace(shop.stock[0], sku=line.sku) for line in many)),
    )


@pytest.mark.parametrize(
    ("lines", "status"), [(200, "resolved"), (400, None), (470, None), (600, "failed")]
)
def test_a_large_order(lines: int, status: str | None, tmp_path: Path) -> None:
    event = json.loads((find_project() / "events" / "case_opened.json").read_text())
    entry = {
        "EventBusName": "redress",
        "Source": "test",
        "DetailType": "CaseOpened",
        "Detail": event["detail"],
        "Time": event["time"],
    }
    shop = large_shop(lines, 50)
    with EmbeddedCloud.open(tmp_path / "s", shop=shop, durable=False, workers=0) as cloud:
        result = resolve(cloud, entry)
        record = load_case(cloud.domain("cases"), "case_1001").record
    assert result["status"] == (status or result["status"])
    assert record.status == result["status"]
    assert record.status in {"resolved", "failed"}
    if record.status == "failed":
        assert result["ledger_delta"] == []
        assert dump(record.failure)["error"] == "States.DataLimitExceeded"
    else:
        done = {(a["action"], a["state"]) for a in result["actions"]}
        assert done == {("refund_payment", "done"), ("reship_line", "done")}
