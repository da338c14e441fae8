"""One server object in memory, behind API Gateway's events and behind uvicorn: the same answers."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp_world import (
    ARGUMENTS,
    DOMAINS,
    ToolWorld,
    call,
    content_of,
    http_event,
    message,
    serving,
    tool_call,
)
from redress.models.investigation import DomainName
from strands.tools.mcp import MCPClient
from strands.tools.mcp._compat import streamable_http_transport

TOOLS: dict[DomainName, tuple[str, ...]] = {
    "orders": ("get_order", "get_shipments"),
    "payments": ("get_invoice", "get_payments"),
    "inventory": ("get_stock",),
}
Ask = Callable[[str, dict[str, Any]], tuple[bool, Any]]


class FreshTokens(httpx.Auth):
    """Sends each request with a token of its own."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["authorization"] = f"Bearer {self._token()}"
        yield request


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_way_gives_the_same_answers(world: ToolWorld, domain: DomainName) -> None:
    server = world.server(domain)
    tools, front = world.tools(domain, server), world.front(domain, server)

    def token() -> str:
        return world.token(domain)

    with serving(front.app("http://127.0.0.1")) as url:
        client = MCPClient(
            lambda: streamable_http_transport(f"{url}/mcp/{domain}", auth=FreshTokens(token))
        )

        def in_memory(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
            status, content = call(tools, name, arguments, token())
            return status == "success", content

        def by_event(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
            request = message("tools/call", name=name, arguments=arguments)
            content = content_of(front.answer(http_event(domain, request, token()), None))
            return "error" not in content, content

        def by_http(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
            answer = client.call_tool_sync("use_1", name, arguments)
            return answer["status"] == "success", answer["structuredContent"]

        ways: tuple[Ask, ...] = (in_memory, by_event, by_http)
        cases: list[tuple[str, dict[str, Any]]] = [
            *((name, ARGUMENTS[name]) for name in TOOLS[domain]),
            *((name, dict.fromkeys(ARGUMENTS[name], "ord_1002")) for name in TOOLS[domain]),
            (TOOLS[domain][0], {}),
            ("nope", {}),
        ]
        with client:
            listed = [tool.tool_name for tool in client.list_tools_sync()]
            assert tuple(listed) == TOOLS[domain]
            for name, arguments in cases:
                first, *others = [way(name, arguments) for way in ways]
                assert others == [first, first], (name, arguments)
            assert all(by_http(name, ARGUMENTS[name])[0] for name in TOOLS[domain])


def test_all_ways_at_once(world: ToolWorld) -> None:
    """Threads and loops of one process may use the server in memory and by events together."""
    server = world.server("orders")
    tools, front = world.tools("orders", server), world.front("orders", server)

    def work(number: int) -> Any:
        if number % 2:
            return call(tools, "get_order", ARGUMENTS["get_order"], world.token("orders"))[1]
        event = http_event("orders", tool_call("get_order"), world.token("orders"))
        return content_of(front.answer(event, None))

    with ThreadPoolExecutor(6) as pool:
        answers = {json.dumps(answer) for answer in pool.map(work, range(48))}
    assert len(answers) == 1
    assert "sku_mug" in answers.pop()


def test_a_client_of_the_handshake_era_is_served(world: ToolWorld) -> None:
    """Protocol revisions before 2026-07-28 begin by `initialize`; no session is kept for them."""
    server = world.server("payments")
    front = world.front("payments", server)

    async def ask(url: str) -> tuple[str, Any, list[str], str]:
        headers = {"authorization": f"Bearer {world.token('payments')}"}
        async with (
            create_mcp_http_client(headers=headers) as http,
            streamable_http_client(f"{url}/mcp/payments", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            hello = await session.initialize()
            answer: Any = await session.call_tool("get_invoice", ARGUMENTS["get_invoice"])
            listed = await session.list_resources()
            text: Any = (await session.read_resource("policy://refund-policy/caps")).contents[0]
            uris = [str(resource.uri) for resource in listed.resources]
            return hello.protocol_version, answer.structured_content, uris, text.text

    with serving(front.app("http://127.0.0.1")) as url:
        version, content, uris, text = asyncio.run(ask(url))
    assert version < "2026"
    assert list(content["evidence"]) == ["payments/inv_1001"]
    assert "policy://refund-policy/caps" in uris
    assert text.startswith("## Caps")
