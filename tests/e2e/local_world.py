"""What the tests of the local cloud share: events, a dearer shop, and what was done."""

from collections.abc import Callable
from typing import Any

import msgspec
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import CaseLedgers
from redress_local.shop.document import Shop
from redress_local.shop.example import example_shop

Opener = Callable[..., EmbeddedCloud]


def entry_of(detail: Any, time: str = "2026-03-02T12:00:00Z") -> dict[str, Any]:
    return {
        "EventBusName": "redress",
        "Source": "test",
        "DetailType": "CaseOpened",
        "Detail": detail,
        "Time": time,
    }


def dear_shop() -> Shop:
    """The example shop with the disputed order ten times as dear: a human must approve."""
    shop = example_shop()

    def dearer(items: Any, *fields: str) -> Any:
        return tuple(
            msgspec.structs.replace(item, **{field: getattr(item, field) * 10 for field in fields})
            if item.order_id == "ord_1001"
            else item
            for item in items
        )

    orders = tuple(
        msgspec.structs.replace(
            order,
            shipping_minor=order.shipping_minor * 10,
            lines=tuple(
                msgspec.structs.replace(line, unit_price_minor=line.unit_price_minor * 10)
                for line in order.lines
            ),
        )
        if order.order_id == "ord_1001"
        else order
        for order in shop.orders
    )
    return msgspec.structs.replace(
        shop,
        orders=orders,
        payments=dearer(shop.payments, "amount_minor"),
        invoices=dearer(shop.invoices, "total_minor"),
    )


def refunds_and_shipments(cloud: EmbeddedCloud, order: str = "ord_1001") -> tuple[int, int]:
    """How many refunds and replacements there are of an order, cancelled ones left out."""
    ledger = CaseLedgers(cloud).of(order)
    refunds = [e for (kind, _), e in ledger.items() if kind == "refund"]
    shipments = [e for (kind, _), e in ledger.items() if kind == "shipment" and e["replacement"]]
    return (
        sum(refund["status"] != "cancelled" for refund in refunds),
        sum(shipment["status"] != "cancelled" for shipment in shipments),
    )
