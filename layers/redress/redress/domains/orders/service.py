"""Which pieces of an order did not arrive, and why: pure rules."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from redress.domains.orders.models import Order, OrderLine, Shipment
from redress.domains.orders.rules import DELIVERY_GRACE_DAYS
from redress.models.base import Identifier, Model, Quantity

ShortageReason = Literal["missing_item", "not_delivered", "wrong_item"]


class Shortage(Model, frozen=True):
    """Pieces of a shipped line that the customer does not have and that are not on their way."""

    line_id: Identifier
    sku: Identifier
    quantity: Quantity
    reason: ShortageReason


def is_late(shipment: Shipment, as_of: datetime) -> bool:
    """Tell whether what has not arrived of a shipment counts as not delivered."""
    return as_of > shipment.promised_by + timedelta(days=DELIVERY_GRACE_DAYS)


def line_refund_minor(line: OrderLine, quantity: int) -> int:
    """Return what `quantity` pieces of a line cost."""
    return line.unit_price_minor * quantity


def shortages(
    order: Order,
    shipments: Iterable[Shipment],
    as_of: datetime,
    refunded_pieces: Mapping[str, int] | None = None,
) -> tuple[Shortage, ...]:
    """Return what is short of each shipped line, by line id.

    A piece is accounted for if it was delivered or is on its way in time, replacements included
    and cancelled shipments left out, or if it was refunded (`refunded_pieces`: line id to pieces).
    Parcels carry products, not lines: lines of the same product are filled in line id order. What
    a lost or late parcel carried is not_delivered; the rest is wrong_item if a delivered parcel
    of the order holds a product that was not ordered, or more of one than was, else missing_item.
    A line can be short for two reasons, at most by what was ordered.
    """
    live = [s for s in shipments if not s.cancelled]
    accounted, undelivered = _packed(live, as_of)
    other_reason: ShortageReason = "wrong_item" if _holds_foreign(order, live) else "missing_item"
    found: list[Shortage] = []
    for line in sorted(order.lines, key=lambda line: line.line_id):
        if line.status != "shipped":
            continue
        needed = max(0, line.quantity - (refunded_pieces or {}).get(line.line_id, 0))
        needed -= _take(accounted, line.sku, needed)
        lost = _take(undelivered, line.sku, needed)
        by_reason: tuple[tuple[ShortageReason, int], ...] = (
            ("not_delivered", lost),
            (other_reason, needed - lost),
        )
        found.extend(
            Shortage(line_id=line.line_id, sku=line.sku, quantity=quantity, reason=reason)
            for reason, quantity in by_reason
            if quantity
        )
    return tuple(found)


def _packed(shipments: Iterable[Shipment], as_of: datetime) -> tuple[Counter[str], Counter[str]]:
    """Return the packed pieces by product: (received or coming in time, lost or late)."""
    accounted: Counter[str] = Counter()
    undelivered: Counter[str] = Counter()
    for shipment in shipments:
        late = is_late(shipment, as_of)
        for parcel in shipment.parcels:
            gone = parcel.status == "lost" or (late and parcel.status != "delivered")
            for item in parcel.items:
                (undelivered if gone else accounted)[item.sku] += item.quantity
    return accounted, undelivered


def _holds_foreign(order: Order, shipments: Iterable[Shipment]) -> bool:
    """Tell whether original parcels brought what was not ordered.

    Replacements are left out: one of them beside a late original that did arrive is no mix-up.
    """
    ordered: Counter[str] = Counter()
    for line in order.lines:
        if line.status != "cancelled":
            ordered[line.sku] += line.quantity
    received: Counter[str] = Counter()
    for shipment in shipments:
        if shipment.effect_key is None:
            for parcel in shipment.parcels:
                if parcel.status == "delivered":
                    for item in parcel.items:
                        received[item.sku] += item.quantity
    return any(quantity > ordered[sku] for sku, quantity in received.items())


def _take(pool: Counter[str], sku: str, wanted: int) -> int:
    """Remove up to `wanted` pieces of a product from the pool and return how many there were."""
    taken = min(wanted, pool[sku])
    pool[sku] -= taken
    return taken
