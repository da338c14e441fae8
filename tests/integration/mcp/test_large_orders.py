"""The stock of the largest order that a token holds, in memory and over HTTP."""

import pytest
from mcp_world import ToolWorld, call, content_of, http_event, tool_call
from redress.identity.tokens import MAX_SKUS
from redress.models.identity import sku_digests

SKUS = ("sku_mug", "sku_teapot", *(f"{number:x>128}" for number in range(MAX_SKUS - 2)))
API_GATEWAY_HEADERS = 10_240
PARTS = [list(SKUS[start : start + 25]) for start in range(0, MAX_SKUS, 25)]


def test_each_product_of_a_large_order_is_found() -> None:
    world = ToolWorld()
    found, missing = {}, []
    try:
        tools = world.tools("inventory")
        for part in PARTS:
            token = world.token("inventory", sku_digests=sku_digests(SKUS))
            status, content = call(tools, "get_stock", {"skus": part}, token)
            assert status == "success", content
            found |= content["evidence"]
            missing += content.get("missing", [])
    finally:
        world.close()
    assert found.keys() == {"inventory/sku_mug", "inventory/sku_teapot"}
    assert sorted(missing) == sorted(f"inventory/{sku}" for sku in SKUS[2:])


@pytest.mark.parametrize(("sku", "error"), [(SKUS[-1], None), ("sku_other", "ForeignOrderError")])
def test_over_http(sku: str, error: str | None) -> None:
    world = ToolWorld()
    token = world.token("inventory", sku_digests=sku_digests(SKUS))
    event = http_event("inventory", tool_call("get_stock", skus=["sku_mug", sku]), token)
    headers = sum(len(name) + len(value) for name, value in event["headers"].items())
    assert headers < API_GATEWAY_HEADERS - 1_024
    content = content_of(world.front("inventory").answer(event, None))
    assert content.get("error") == error
    assert error or content["evidence"].keys() == {"inventory/sku_mug"}
