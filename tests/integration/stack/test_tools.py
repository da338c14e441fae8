"""The domains' MCP servers behind the stack's own API; tokens are signed by the stack's key."""

import asyncio
import sys
from pathlib import Path

import pytest
from customer import Api
from redress.models.investigation import DOMAINS
from strands import Agent

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from tools_issuer import Issuer, strands_client

METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def order_id(cloud):
    orders = cloud.client("dynamodb").scan(TableName=cloud.table("orders"))["Items"]
    found = sorted(row["pk"]["S"] for row in orders if row["pk"]["S"].startswith("order#"))
    return found[0].removeprefix("order#")


@pytest.mark.parametrize("domain", DOMAINS)
def test_strands_own_client_finds_and_calls_the_tools(cloud, order_id, domain):
    issuer = Issuer(cloud, domain, order_id)
    with strands_client(cloud, domain, issuer) as client:
        wanted = issuer.calls()
        agent = Agent(tools=client.list_tools_sync(), callback_handler=None)
        assert set(agent.tool_names) == {name for name, _ in wanted}
        for name, arguments in wanted:
            answer = client.call_tool_sync("use_1", name, arguments)
            assert answer["status"] == "success", answer
            names = answer["structuredContent"]["evidence"]
            assert all(one.startswith(f"{domain}/") for one in names)
        foreign = {"order_id": "ord_foreign"} if domain != "inventory" else {"skus": ["foreign"]}
        refused = client.call_tool_sync("use_2", wanted[0][0], foreign)
        assert refused["structuredContent"]["error"] == "ForeignOrderError"


@pytest.mark.parametrize("domain", DOMAINS)
def test_who_has_no_token_finds_where_to_get_one(cloud, domain):
    api = Api(cloud)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    refused = api.call("POST", f"/mcp/{domain}", body=hello)
    assert refused.status == 401
    where = f"{METADATA}/mcp/{domain}"
    assert f'resource_metadata="{cloud.url}{where}"' in refused.headers["www-authenticate"]
    shown = api.call("GET", where)
    assert (shown.status, shown.body["resource"]) == (200, f"{cloud.url}/mcp/{domain}")


def test_a_customers_token_opens_no_tools(cloud):
    api = Api(cloud)
    token = api.token("cust_1")
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for domain in DOMAINS:
        assert api.call("POST", f"/mcp/{domain}", token, hello).status == 401


def test_a_token_is_used_up_and_of_one_server(cloud, order_id):
    issuer, api = Issuer(cloud, "orders", order_id), Api(cloud)
    params = {"name": "get_order", "arguments": {"order_id": order_id}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    accept = {"Accept": "application/json, text/event-stream"}
    token = issuer.token()
    assert api.call("POST", "/mcp/payments", token, call, **accept).status == 401
    first = api.call("POST", "/mcp/orders", token, call, **accept)
    again = api.call("POST", "/mcp/orders", token, call, **accept)
    assert "evidence" in first.body["result"]["structuredContent"]
    assert again.body["result"]["structuredContent"]["error"] == "TokenRefusedError"


def test_calls_at_once_are_all_answered(cloud, order_id):
    issuer = Issuer(cloud, "payments", order_id)

    async def ask() -> list[str]:
        with strands_client(cloud, "payments", issuer) as client:
            arguments = {"order_id": order_id}
            calls = (client.call_tool_async(f"u{n}", "get_payments", arguments) for n in range(8))
            return [answer["status"] for answer in await asyncio.gather(*calls)]

    assert asyncio.run(ask()) == ["success"] * 8
