"""Stock and reservations."""

from typing import Literal

from redress.models.base import Identifier, Model, Quantity


class Stock(Model):
    """Pieces of a product in the warehouse; available = on_hand - reserved."""

    sku: Identifier
    on_hand: int
    reserved: int = 0


class Reservation(Model):
    """Stock set aside for one effect."""

    sku: Identifier
    order_id: Identifier
    quantity: Quantity
    status: Literal["held", "consumed", "released"]
    effect_key: str
