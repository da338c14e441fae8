"""Tokens for the MCP servers of an emulated cloud, signed by the stack's own key."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
from redress.adapters.aws.kms import KmsKey
from redress.adapters.aws.repository import DynamoDbRepository
from redress.domains.orders.gateway import load_order
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.tokens import claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.models.identity import Access, sku_digests
from redress.models.investigation import DOMAINS, DomainName
from strands.tools.mcp import MCPClient
from strands.tools.mcp._compat import streamable_http_transport

_IDS = count(time.time_ns())


class Issuer(httpx.Auth):
    """Signs as the broker would for a case about an order of the shop: each request's own token."""

    def __init__(self, cloud: Any, domain: DomainName, order_id: str) -> None:
        name = f"Serve{domain.capitalize()}ToolsFunction"
        spec = next(s for s in cloud.functions.functions() if s.logical_id == name)
        self._issuer = spec.environment["REDRESS_TOKEN_ISSUER"]
        self._key = KmsKey(spec.environment["REDRESS_TOKEN_KEY"], cloud.client("kms"))
        orders = DynamoDbRepository(cloud.table("orders"), cloud.client("dynamodb"))
        order = load_order(orders, order_id).order
        self.skus = list(dict.fromkeys(line.sku for line in order.lines))
        self.access = Access(
            subject=order.customer_id,
            case_id="case_mcp",
            order_id=order_id,
            sku_digests=sku_digests(self.skus),
            as_of=order.placed_at,
            scopes=(READ_SCOPE[domain],),
            audience=audience(domain, "tools"),
            act=(AGENT_OF[domain],),
        )

    def token(self) -> str:
        now, jti = int(time.time()), f"jti-{next(_IDS)}"
        made = claims_of(self.access, issuer=self._issuer, jti=jti, now=now, life=60)
        return sign(made, self._key)

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["authorization"] = f"Bearer {self.token()}"
        yield request

    def calls(self) -> list[tuple[str, Any]]:
        """All of the domain's tools with fitting arguments."""
        order = {"order_id": self.access.order_id}
        known: dict[str, list[tuple[str, Any]]] = {
            "orders": [("get_order", order), ("get_shipments", order)],
            "payments": [("get_invoice", order), ("get_payments", order)],
            "inventory": [("get_stock", {"skus": self.skus})],
        }
        return known[self.access.audience.split(":")[1]]


def strands_client(cloud: Any, domain: DomainName, issuer: Issuer) -> MCPClient:
    """Strands' own client of a domain's server, as an agent of somebody else has it."""
    url = f"{cloud.url}/mcp/{domain}"
    return MCPClient(lambda: streamable_http_transport(url, auth=issuer))


def use_every_tool(cloud: Any, order_id: str) -> None:
    """Call each tool of each domain's server."""
    for domain in DOMAINS:
        issuer = Issuer(cloud, domain, order_id)
        with strands_client(cloud, domain, issuer) as client:
            for name, arguments in issuer.calls():
                answer = client.call_tool_sync("use_1", name, arguments)
                assert answer["status"] == "success", answer
