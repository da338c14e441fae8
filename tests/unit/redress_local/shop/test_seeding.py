"""Loading a shop into repositories."""

import msgspec
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.gateway import load_stock, put_stock
from redress.domains.orders.gateway import load_order
from redress.domains.payments.gateway import load_payments
from redress_local.shop.example import example_shop
from redress_local.shop.generator import generate_shop
from redress_local.shop.seeding import seed_repositories


def stores() -> tuple[MemoryRepository, MemoryRepository, MemoryRepository]:
    return MemoryRepository(), MemoryRepository(), MemoryRepository()


def test_every_record_arrives() -> None:
    shop, _ = generate_shop(120, 9)
    orders, payments, inventory = stores()
    report = seed_repositories(shop, orders, payments, inventory)
    parts = ("orders", "shipments", "payments", "invoices", "refunds", "promises", "stock")
    assert report.written == sum(len(getattr(shop, name)) for name in parts)
    assert report.kept == 0
    for order in shop.orders:
        assert load_order(orders, order.order_id).order == order
    found = [load_payments(payments, order.order_id) for order in shop.orders]
    assert sum(len(facts.refunds) for facts in found) == len(shop.refunds)
    assert load_stock(inventory, [s.sku for s in shop.stock]).missing == ()


def test_loading_again_keeps_what_was_settled_and_adds_what_is_new() -> None:
    shop = example_shop()
    three = stores()
    first = seed_repositories(msgspec.structs.replace(shop, invoices=shop.invoices[1:]), *three)
    sold = msgspec.structs.replace(shop.stock[0], on_hand=1)
    three[2].commit([put_stock(sold, 1)])
    second = seed_repositories(shop, *three)
    assert (second.written, second.kept) == (1, first.written)
    assert load_stock(three[2], [sold.sku]).stocks == (sold,)
    assert load_payments(three[1], "ord_1001").invoice == shop.invoices[0]
