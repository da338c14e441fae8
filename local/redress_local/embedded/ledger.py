"""What the systems of record say about one order, and what a case changed in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from redress.domains.inventory import gateway as inventory_gateway
from redress.domains.inventory.models import Reservation, Stock
from redress.domains.orders import gateway as orders_gateway
from redress.domains.payments import gateway as payments_gateway
from redress.errors import UnknownOrderError
from redress.models.base import dump, parse_json

if TYPE_CHECKING:
    from redress.ports import Repository

Ledger = dict[tuple[str, str], dict[str, Any]]
"""Entries by kind and id: payments, refunds, shipments, reservations and stock."""


def read_ledger(
    order_id: str, orders: Repository, payments: Repository, inventory: Repository
) -> Ledger:
    """Read an order's payments, refunds and shipments, and the stock of its products.

    An order that does not exist has an empty ledger.
    """
    try:
        facts = orders_gateway.load_order(orders, order_id)
    except UnknownOrderError:
        return {}
    money = payments_gateway.load_payments(payments, order_id)
    skus = sorted({line.sku for line in facts.order.lines})
    entries: Ledger = {}
    for payment in money.payments:
        entries["payment", payment.payment_id] = _only(
            payment, "status", "amount_minor", "currency", "instrument_id"
        )
    for refund in money.refunds:
        entries["refund", refund.refund_id] = _only(
            refund, "status", "amount_minor", "currency", "payment_id", "reason"
        )
    for shipment in facts.shipments:
        entries["shipment", shipment.shipment_id] = {
            "status": _shipment_status(shipment.cancelled, [p.status for p in shipment.parcels]),
            "items": {
                item.sku: item.quantity for parcel in shipment.parcels for item in parcel.items
            },
            "replacement": shipment.effect_key is not None,
        }
    for sku in skus:
        for record in inventory.query(inventory_gateway.partition_key(sku)):
            if record.sort == inventory_gateway.STOCK:
                stock = parse_json(Stock, record.document)
                entries["stock", sku] = _only(stock, "on_hand", "reserved")
            elif record.sort.startswith(inventory_gateway.RESERVATION):
                reservation = parse_json(Reservation, record.document)
                if reservation.order_id == order_id:
                    entries["reservation", reservation.effect_key] = _only(
                        reservation, "status", "sku", "quantity"
                    )
    return entries


def ledger_delta(before: Ledger, after: Ledger) -> list[dict[str, Any]]:
    """What changed: `{kind, id, change: added|changed|removed, before, after}`, by kind and id."""
    return list(_changes(before, after))


def _changes(before: Ledger, after: Ledger) -> Iterator[dict[str, Any]]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        change = "added" if old is None else "removed" if new is None else "changed"
        yield {"kind": key[0], "id": key[1], "change": change, "before": old, "after": new}


def _only(model: Any, *fields: str) -> dict[str, Any]:
    return {field: dump(getattr(model, field)) for field in fields}


def _shipment_status(cancelled: bool, parcels: list[str]) -> str:
    return "cancelled" if cancelled else ", ".join(sorted(set(parcels))) or "empty"
