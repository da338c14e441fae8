"""The ledger of an order, and what changed in it."""

from redress.adapters.memory.repository import MemoryRepository
from redress_local.embedded.ledger import ledger_delta, read_ledger
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories


def test_it_holds_money_goods_and_stock_of_one_order() -> None:
    domains = MemoryRepository(), MemoryRepository(), MemoryRepository()
    seed_repositories(example_shop(), *domains)
    ledger = read_ledger("ord_1001", *domains)
    assert set(ledger) == {
        ("payment", "pay_1001_a"),
        ("payment", "pay_1001_b"),
        ("shipment", "shp_1001"),
        ("stock", "sku_mug"),
        ("stock", "sku_teapot"),
    }
    assert ledger["payment", "pay_1001_b"]["amount_minor"] == 6490
    assert ledger["shipment", "shp_1001"] == {
        "status": "delivered",
        "items": {"sku_mug": 1},
        "replacement": False,
    }
    assert read_ledger("ord_none", *domains) == {}


def test_a_delta_says_what_was_added_changed_and_removed() -> None:
    before = {("a", "1"): {"x": 1}, ("b", "1"): {"x": 1}, ("c", "1"): {"x": 1}}
    after = {("a", "1"): {"x": 1}, ("b", "1"): {"x": 2}, ("d", "1"): {"x": 1}}
    assert ledger_delta(before, after) == [
        {"kind": "b", "id": "1", "change": "changed", "before": {"x": 1}, "after": {"x": 2}},
        {"kind": "c", "id": "1", "change": "removed", "before": {"x": 1}, "after": None},
        {"kind": "d", "id": "1", "change": "added", "before": None, "after": {"x": 1}},
    ]
    assert ledger_delta(after, after) == []
