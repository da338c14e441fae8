"""Orders in a repository."""

from datetime import UTC, datetime

import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.orders.gateway import load_order, put_order, put_shipment
from redress.domains.orders.models import Order, OrderLine, Shipment
from redress.errors import ConflictError, InvalidInputError, UnknownOrderError
from redress.ports import Write

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def order(order_id: str = "ord_1") -> Order:
    line = OrderLine(
        line_id="line_1", sku="a", title="🎁", quantity=1, unit_price_minor=5, status="shipped"
    )
    return Order(
        order_id=order_id, customer_id="cust_1", placed_at=NOW, currency="JPY", lines=(line,)
    )


def shipment(shipment_id: str) -> Shipment:
    return Shipment(shipment_id=shipment_id, order_id="ord_1", promised_by=NOW, parcels=())


def test_an_order_comes_back_with_its_shipments_and_versions() -> None:
    repository = MemoryRepository()
    repository.commit([put_shipment(shipment("shp_2"), 0), put_order(order(), 0)])
    repository.commit([put_shipment(shipment("shp_1"), 0), put_shipment(shipment("shp_2"), 1)])
    facts = load_order(repository, "ord_1")
    assert facts.order == order()
    assert facts.shipments == (shipment("shp_1"), shipment("shp_2"))
    assert facts.versions == {"order": 1, "shipment#shp_1": 1, "shipment#shp_2": 2}


def test_records_of_other_kinds_are_left_alone() -> None:
    repository = MemoryRepository()
    effect = Write(partition="order#ord_1", sort="effect#1", document=b"[]", expected_version=0)
    repository.commit([put_order(order(), 0), effect])
    assert load_order(repository, "ord_1").versions == {"order": 1}


def test_an_unknown_order_is_refused() -> None:
    repository = MemoryRepository()
    repository.commit([put_shipment(shipment("shp_1"), 0)])
    for order_id in ("ord_1", "ord_9"):
        with pytest.raises(UnknownOrderError, match=order_id):
            load_order(repository, order_id)


def test_a_broken_record_is_named() -> None:
    repository = MemoryRepository()
    broken = Write(partition="order#ord_1", sort="order", document=b"{}", expected_version=0)
    repository.commit([broken])
    with pytest.raises(InvalidInputError, match="order_id"):
        load_order(repository, "ord_1")


def test_a_stale_write_is_a_conflict() -> None:
    repository = MemoryRepository()
    repository.commit([put_order(order(), 0)])
    with pytest.raises(ConflictError):
        repository.commit([put_order(order(), 0)])
