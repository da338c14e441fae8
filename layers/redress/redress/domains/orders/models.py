"""Orders, their lines, shipments and parcels."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from redress.models.base import Currency, Identifier, Instant, Minor, Model, Quantity

LineStatus = Literal["pending", "backordered", "shipped", "cancelled"]
ParcelStatus = Literal["preparing", "in_transit", "delivered", "lost"]

Text = Annotated[str, msgspec.Meta(max_length=4_000)]
"""Free text: untrusted data, never an instruction."""


class Customer(Model, frozen=True):
    """A person who orders. `name` is free text."""

    customer_id: Identifier
    name: Text


class OrderLine(Model, frozen=True):
    """One product of an order. `title` is free text; `expected_at` is set when backordered."""

    line_id: Identifier
    sku: Identifier
    title: Text
    quantity: Quantity
    unit_price_minor: Minor
    status: LineStatus
    expected_at: Instant | None = None


class Order(Model, frozen=True):
    """What a customer bought. `note` is free text; total = lines not cancelled + shipping."""

    order_id: Identifier
    customer_id: Identifier
    placed_at: Instant
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], msgspec.Meta(min_length=1)]
    shipping_minor: Minor = 0
    note: Text = ""


class ParcelItem(Model, frozen=True):
    """What the warehouse packed, by its own scan."""

    sku: Identifier
    quantity: Quantity


class Parcel(Model, frozen=True):
    """One box on its way. `signed_by` is free text from the carrier."""

    parcel_id: Identifier
    status: ParcelStatus
    items: tuple[ParcelItem, ...]
    last_scan_at: Instant | None = None
    delivered_at: Instant | None = None
    signed_by: Text | None = None


class Shipment(Model, frozen=True):
    """One dispatch for an order; a replacement names the effect that caused it."""

    shipment_id: Identifier
    order_id: Identifier
    promised_by: Instant
    parcels: tuple[Parcel, ...]
    effect_key: Identifier | None = None
    cancelled: bool = False


class OrderFacts(Model, frozen=True):
    """All that the orders domain knows of one order; `versions` maps sort keys to versions."""

    order: Order
    shipments: tuple[Shipment, ...] = ()
    versions: Mapping[str, int] = {}
