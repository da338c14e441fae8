"""The inventory domain's tool: the stock of the case's products, and of no others."""

from typing import Any

from mcp_world import ToolWorld, call
from redress.models.identity import sku_digests


def ask(world: ToolWorld, wanted: Any, **access: Any) -> tuple[str, Any]:
    token = world.token("inventory", **access)
    return call(world.tools("inventory"), "get_stock", {"skus": wanted}, token)


def test_stock_is_shown_in_one_call(world: ToolWorld) -> None:
    status, content = ask(world, ["sku_teapot", "sku_mug", "sku_mug"])
    assert status == "success"
    assert content == {
        "evidence": {
            "inventory/sku_mug": {"available": 134},
            "inventory/sku_teapot": {"available": 11},
        }
    }


def test_a_product_without_a_record_is_named(world: ToolWorld) -> None:
    status, content = ask(world, ["sku_x"], sku_digests=sku_digests(["sku_x"]))
    assert (status, content) == ("success", {"evidence": {}, "missing": ["inventory/sku_x"]})


def test_products_of_other_orders_are_refused(world: ToolWorld) -> None:
    status, content = ask(world, ["sku_mug", "sku_lamp"])
    assert (status, content["error"]) == ("error", "ForeignOrderError")
    assert "sku_lamp" in content["message"]


def test_a_call_asks_for_a_few_products(world: ToolWorld) -> None:
    for skus in ([], ["sku_mug"] * 26, "sku_mug", [3], ["../x"], ["x" * 129]):
        status, content = ask(world, skus)
        assert (status, content["error"]) == ("error", "InvalidInputError"), skus
        assert content["message"].startswith("arguments: skus")
