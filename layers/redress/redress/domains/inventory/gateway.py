"""Stock and reservations in a repository: one partition a product."""

from collections.abc import Iterable

from redress.domains.inventory.models import Reservation, Stock, StockFacts
from redress.models.base import dump_json, parse_json
from redress.ports import Repository, Write

STOCK = "stock"
RESERVATION = "reservation#"


def partition_key(sku: str) -> str:
    """Return the partition of a product's records."""
    return f"sku#{sku}"


def reservation_key(effect_key: str) -> str:
    """Return the sort key of the reservation that an effect made."""
    return f"{RESERVATION}{effect_key}"


def load_stock(repository: Repository, skus: Iterable[str]) -> StockFacts:
    """Read the stock of each product once, in product id order.

    Raises:
        InvalidInputError: a stored record does not fit its model.
    """
    stocks: list[Stock] = []
    missing: list[str] = []
    versions: dict[str, int] = {}
    for sku in sorted(set(skus)):
        record = repository.get(partition_key(sku), STOCK)
        if record is None:
            missing.append(sku)
            continue
        stocks.append(parse_json(Stock, record.document))
        versions[sku] = record.version
    return StockFacts(stocks=tuple(stocks), missing=tuple(missing), versions=versions)


def load_reservation(
    repository: Repository, sku: str, effect_key: str
) -> tuple[Reservation, int] | None:
    """Read the reservation that an effect made and its version, if there is one.

    Raises:
        InvalidInputError: the stored record does not fit its model.
    """
    record = repository.get(partition_key(sku), reservation_key(effect_key))
    if record is None:
        return None
    return parse_json(Reservation, record.document), record.version


def put_stock(stock: Stock, expected_version: int) -> Write:
    """Build the write of a product's stock; version 0 creates it."""
    return Write(
        partition=partition_key(stock.sku),
        sort=STOCK,
        document=dump_json(stock),
        expected_version=expected_version,
    )


def put_reservation(reservation: Reservation, expected_version: int) -> Write:
    """Build the write of a reservation; version 0 creates it."""
    return Write(
        partition=partition_key(reservation.sku),
        sort=reservation_key(reservation.effect_key),
        document=dump_json(reservation),
        expected_version=expected_version,
    )
