"""Stock and reservations."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from redress.models.base import Identifier, Model, Quantity

Pieces = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
"""A count of pieces, zero included."""


class Stock(Model, frozen=True):
    """Pieces of a product in the warehouse; available = on_hand - reserved."""

    sku: Identifier
    on_hand: Pieces
    reserved: Pieces = 0


class Reservation(Model, frozen=True):
    """Stock set aside for one effect."""

    sku: Identifier
    order_id: Identifier
    quantity: Quantity
    status: Literal["held", "consumed", "released"]
    effect_key: Identifier


class StockFacts(Model, frozen=True):
    """Stock of the products asked for; `missing` are those without a record.

    `versions` maps product ids to versions.
    """

    stocks: tuple[Stock, ...]
    missing: tuple[Identifier, ...] = ()
    versions: Mapping[str, int] = {}
