"""The domains' MCP servers behind the stack's own API; tokens are signed by the stack's key."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from customer import Api
from redress.adapters.aws.kms import KmsKey
from redress.adapters.aws.repository import DynamoDbRepository
from redress.domains.orders.gateway import load_order
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.tokens import claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.models.identity import Access
from redress.models.investigation import DOMAINS, DomainName
from strands import Agent
from strands.tools.mcp import MCPClient
from strands.tools.mcp._compat import streamable_http_transport

IDS = count(int(time.time() * 1000))
METADATA = "/.well-known/oauth-protected-resource"


class Issuer(httpx.Auth):
    """Signs as the broker would for a case about an order of the shop: each request's own token."""

    def __init__(self, cloud: Any, domain: DomainName, order_id: str) -> None:
        name = f"Serve{domain.capitalize()}ToolsFunction"
        spec = next(s for s in cloud.functions.functions() if s.logical_id == name)
        self._issuer = spec.environment["REDRESS_TOKEN_ISSUER"]
        self._key = KmsKey(spec.environment["REDRESS_TOKEN_KEY"], cloud.client("kms"))
        orders = DynamoDbRepository(cloud.table("orders"), cloud.client("dynamodb"))
        order = load_order(orders, order_id).order
        self.access = Access(
            subject=order.customer_id,
            case_id="case_mcp",
            order_id=order_id,
            skus=tuple(dict.fromkeys(line.sku for line in order.lines)),
            as_of=order.placed_at,
            scopes=(READ_SCOPE[domain],),
            audience=audience(domain, "tools"),
            act=(AGENT_OF[domain],),
        )

    def token(self) -> str:
        now, jti = int(time.time()), f"jti-{next(IDS)}"
        made = claims_of(self.access, issuer=self._issuer, jti=jti, now=now, life=60)
        return sign(made, self._key)

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["authorization"] = f"Bearer {self.token()}"
        yield request


@pytest.fixture(scope="module")
def order_id(cloud):
    orders = cloud.client("dynamodb").scan(TableName=cloud.table("orders"))["Items"]
    found = sorted(row["pk"]["S"] for row in orders if row["pk"]["S"].startswith("order#"))
    return found[0].removeprefix("order#")


def calls_of(issuer: Issuer) -> dict[DomainName, list[tuple[str, Any]]]:
    order = {"order_id": issuer.access.order_id}
    return {
        "orders": [("get_order", order), ("get_shipments", order)],
        "payments": [("get_invoice", order), ("get_payments", order)],
        "inventory": [("get_stock", {"skus": list(issuer.access.skus)})],
    }


@pytest.mark.parametrize("domain", DOMAINS)
def test_strands_own_client_finds_and_calls_the_tools(cloud, order_id, domain):
    issuer = Issuer(cloud, domain, order_id)
    url = f"{cloud.url}/mcp/{domain}"
    with MCPClient(lambda: streamable_http_transport(url, auth=issuer)) as client:
        wanted = calls_of(issuer)[domain]
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
    url = f"{cloud.url}/mcp/payments"

    async def ask() -> list[str]:
        with MCPClient(lambda: streamable_http_transport(url, auth=issuer)) as client:
            arguments = {"order_id": order_id}
            calls = (client.call_tool_async(f"u{n}", "get_payments", arguments) for n in range(8))
            return [answer["status"] for answer in await asyncio.gather(*calls)]

    assert asyncio.run(ask()) == ["success"] * 8
