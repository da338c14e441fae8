"""The orders domain's tools: what they show of the case's order, and what they refuse."""

from datetime import timedelta
from typing import Any

import pytest
from mcp_world import ORDER, ToolWorld, call
from msgspec.structs import replace
from redress.domains.orders.gateway import load_order, put_order, put_shipment
from redress.mcp_serving.answers import MAX_ITEMS

ITEM = f"orders/{ORDER}"


def ask(world: ToolWorld, name: str, arguments: Any, **access: Any) -> tuple[str, Any]:
    return call(world.tools("orders"), name, arguments, world.token("orders", **access))


def test_the_order_is_shown_without_its_shipments(world: ToolWorld) -> None:
    status, content = ask(world, "get_order", {"order_id": ORDER})
    assert (status, list(content), list(content["evidence"])) == ("success", ["evidence"], [ITEM])
    lines = content["evidence"][ITEM]["lines"]
    assert [line["sku"] for line in lines] == ["sku_mug", "sku_teapot"]


def test_shipments_are_shown_as_of_the_case(world: ToolWorld) -> None:
    status, content = ask(world, "get_shipments", {"order_id": ORDER})
    assert status == "success"
    (shipment,) = content["evidence"].values()
    assert shipment["parcels"][0]["items"] == {"sku_mug": 1}


def test_a_missing_shipment_is_named(world: ToolWorld) -> None:
    orders = world.example.orders
    order = load_order(orders, ORDER).order
    orders.commit([put_order(replace(order, order_id="ord_x"), 0)])
    status, content = ask(world, "get_shipments", {"order_id": "ord_x"}, order_id="ord_x")
    assert (status, content) == ("success", {"evidence": {}, "missing": ["orders/shipment"]})


def test_many_shipments_are_named_and_can_be_asked_for(world: ToolWorld) -> None:
    orders = world.example.orders
    (shipment,) = load_order(orders, ORDER).shipments
    for number in range(MAX_ITEMS + 4):
        more = replace(shipment, shipment_id=f"shp_more_{number:03}")
        orders.commit([put_shipment(more, 0)])
    _, first = ask(world, "get_shipments", {"order_id": ORDER})
    assert len(first["evidence"]) == MAX_ITEMS
    assert len(first["more"]) == 5
    _, rest = ask(world, "get_shipments", {"order_id": ORDER, "shipment_ids": first["more"]})
    assert list(rest["evidence"]) == first["more"]
    assert "more" not in rest
    bare = [name.removeprefix("orders/") for name in first["more"]]
    assert ask(world, "get_shipments", {"order_id": ORDER, "shipment_ids": bare})[1] == rest


@pytest.mark.parametrize("name", ["get_order", "get_shipments"])
def test_another_order_is_refused(world: ToolWorld, name: str) -> None:
    status, content = ask(world, name, {"order_id": "ord_1002"})
    assert (status, content["error"]) == ("error", "ForeignOrderError")


def test_another_customers_order_is_refused(world: ToolWorld) -> None:
    status, content = ask(world, "get_order", {"order_id": ORDER}, subject="cust_eve")
    assert (status, content["error"]) == ("error", "ForeignOrderError")


def test_an_order_that_is_not_there_is_named(world: ToolWorld) -> None:
    status, content = ask(world, "get_order", {"order_id": "ord_x"}, order_id="ord_x")
    assert (status, content["error"]) == ("error", "UnknownOrderError")


def test_what_is_late_counts_from_the_cases_instant(world: ToolWorld) -> None:
    orders = world.example.orders
    facts = load_order(orders, ORDER)
    (shipment,) = facts.shipments
    parcel = replace(shipment.parcels[0], status="in_transit", delivered_at=None)
    late = replace(shipment, parcels=(parcel,))
    (version,) = (v for key, v in facts.versions.items() if key.startswith("shipment"))
    orders.commit([put_shipment(late, version)])
    as_of = shipment.promised_by + timedelta(days=3)
    _, content = ask(world, "get_shipments", {"order_id": ORDER}, as_of=as_of)
    (shown,) = content["evidence"].values()
    assert shown["days_past_promise"] == 3
