"""What the orders domain tells an agent about an order: facts, trimmed, no conclusions."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from redress.domains.orders.models import Order, OrderFacts, Parcel, Shipment
from redress.models.base import dump
from redress.models.investigation import Evidence, EvidenceBundle

TEXT_LIMIT = 200
"""Characters that are kept of each piece of free text."""


def order_evidence(facts: OrderFacts, as_of: datetime) -> EvidenceBundle:
    """Return one item for the order and one for each shipment.

    Facts are JSON: money in minor units, instants as text, items as {sku: pieces}. Free text
    stands apart under "text", cut to TEXT_LIMIT, titles in line order. `days_past_promise` counts
    begun days.
    """
    items = [_order_item(facts.order)]
    items.extend(_shipment_item(shipment, as_of) for shipment in facts.shipments)
    shipped = any(line.status == "shipped" for line in facts.order.lines)
    missing = ("orders/shipment",) if shipped and not facts.shipments else ()
    return EvidenceBundle(domain="orders", items=tuple(items), missing=missing)


def _order_item(order: Order) -> Evidence:
    lines: list[dict[str, Any]] = []
    for line in order.lines:
        entry: dict[str, Any] = {
            "line": line.line_id,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price_minor,
            "status": line.status,
        }
        if line.expected_at is not None:
            entry["expected_at"] = dump(line.expected_at)
        lines.append(entry)
    text: dict[str, Any] = {"titles": [line.title[:TEXT_LIMIT] for line in order.lines]}
    if order.note:
        text["note"] = order.note[:TEXT_LIMIT]
    count = len(lines)
    return Evidence(
        evidence_id=f"orders/{order.order_id}",
        domain="orders",
        summary=f"order of {count} line{'s' * (count != 1)}",
        facts={
            "placed_at": dump(order.placed_at),
            "currency": order.currency,
            "shipping_minor": order.shipping_minor,
            "lines": lines,
            "text": text,
        },
    )


def _shipment_item(shipment: Shipment, as_of: datetime) -> Evidence:
    facts: dict[str, Any] = {
        "promised_by": dump(shipment.promised_by),
        "parcels": [_parcel(parcel) for parcel in shipment.parcels],
    }
    if as_of > shipment.promised_by and any(p.status != "delivered" for p in shipment.parcels):
        facts["days_past_promise"] = -((shipment.promised_by - as_of) // timedelta(days=1))
    if shipment.effect_key is not None:
        facts["replacement"] = True
    if shipment.cancelled:
        facts["cancelled"] = True
    statuses = Counter(parcel.status for parcel in shipment.parcels)
    counted = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    return Evidence(
        evidence_id=f"orders/{shipment.shipment_id}",
        domain="orders",
        summary=f"parcels: {counted or 'none'}",
        facts=facts,
    )


def _parcel(parcel: Parcel) -> dict[str, Any]:
    packed: Counter[str] = Counter()
    for item in parcel.items:
        packed[item.sku] += item.quantity
    facts: dict[str, Any] = {
        "status": parcel.status,
        "items": dict(packed),
    }
    if parcel.delivered_at is not None:
        facts["delivered_at"] = dump(parcel.delivered_at)
    return facts
