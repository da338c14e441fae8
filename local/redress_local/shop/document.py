"""A whole shop in one JSON document."""

from typing import Literal

from redress.domains.inventory.models import Stock
from redress.domains.orders.models import Customer, Order, Shipment
from redress.domains.payments.models import Invoice, Payment, Refund, RefundPromise
from redress.models.base import Instant, Model


class Shop(Model, frozen=True):
    """A whole shop in one document: docs/shop.schema.json is generated from here."""

    schema_version: Literal["1"]
    as_of: Instant
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    shipments: tuple[Shipment, ...]
    payments: tuple[Payment, ...]
    invoices: tuple[Invoice, ...]
    stock: tuple[Stock, ...]
    refunds: tuple[Refund, ...] = ()
    promises: tuple[RefundPromise, ...] = ()
