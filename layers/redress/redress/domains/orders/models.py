"""Orders, their lines, shipments and parcels."""

from typing import Literal

from redress.models.base import Currency, Identifier, Instant, Minor, Model, Quantity

LineStatus = Literal["pending", "backordered", "shipped", "cancelled"]
ParcelStatus = Literal["preparing", "in_transit", "delivered", "lost"]


class Customer(Model):
    """A person who orders. `name` is free text."""

    customer_id: Identifier
    name: str


class OrderLine(Model):
    """One product of an order. `title` is free text; `expected_at` is set when backordered."""

    line_id: Identifier
    sku: Identifier
    title: str
    quantity: Quantity
    unit_price_minor: Minor
    status: LineStatus
    expected_at: Instant | None = None


class Order(Model):
    """What a customer bought. `note` is free text; total = lines not cancelled + shipping."""

    order_id: Identifier
    customer_id: Identifier
    placed_at: Instant
    currency: Currency
    lines: tuple[OrderLine, ...]
    shipping_minor: Minor = 0
    note: str = ""


class ParcelItem(Model):
    """What the warehouse packed, by its own scan."""

    sku: Identifier
    quantity: Quantity


class Parcel(Model):
    """One box on its way. `signed_by` is free text from the carrier."""

    parcel_id: Identifier
    status: ParcelStatus
    items: tuple[ParcelItem, ...]
    last_scan_at: Instant | None = None
    delivered_at: Instant | None = None
    signed_by: str | None = None


class Shipment(Model):
    """One dispatch for an order; a replacement names the effect that caused it."""

    shipment_id: Identifier
    order_id: Identifier
    promised_by: Instant
    parcels: tuple[Parcel, ...]
    effect_key: str | None = None
    cancelled: bool = False
