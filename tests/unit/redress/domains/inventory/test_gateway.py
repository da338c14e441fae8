"""Stock in a repository."""

from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.gateway import (
    load_reservation,
    load_stock,
    put_reservation,
    put_stock,
)
from redress.domains.inventory.models import Stock, StockFacts
from redress.domains.inventory.service import reserve

STOCK = Stock(sku="a", on_hand=3)


def test_stock_is_read_once_per_product_and_gaps_are_named() -> None:
    repository = MemoryRepository()
    repository.commit([put_stock(STOCK, 0)])
    facts = load_stock(repository, ["z", "a", "a"])
    assert facts == StockFacts(stocks=(STOCK,), missing=("z",), versions={"a": 1})


def test_a_reservation_is_found_by_its_effect() -> None:
    repository = MemoryRepository()
    stock, reservation = reserve(STOCK, 2, "ord_1", "case:1")
    repository.commit([put_stock(stock, 0), put_reservation(reservation, 0)])
    assert load_reservation(repository, "a", "case:1") == (reservation, 1)
    assert load_reservation(repository, "a", "case:2") is None
    assert load_stock(repository, ["a"]).stocks == (stock,)
