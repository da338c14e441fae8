"""One call of a domain's MCP tool by an agent run, ours and Strands' default; prints one JSON line.

Both ways the same server reads the same order for the same case, a grant is exchanged for a token,
and the token is checked and used up. What differs is how the agent run gets to the server:

- ours: the session of the process, in memory, opened and listed before; one call.
- default: `MCPClient(url=...)` for this run, which is Strands' client over its default transport,
  streamable HTTP: connect, list the tools, call one, close. The server is uvicorn on loopback.
- events: what the function behind API Gateway does for one call, client not counted.

Clients and servers run in this process, so its CPU clock counts both. The ways take turns.
"""

import asyncio
import json
import logging
import socket
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import uvicorn
from redress.adapters.local_keys import LocalKey
from redress.adapters.memory.repository import MemoryRepository
from redress.agents.domain_tools import DomainTools
from redress.domains.orders.tools import build_server
from redress.identity.broker import Broker
from redress.identity.grants import save_grant
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import audience
from redress.identity.tokens import Verifier
from redress.mcp_serving.calls import SeenOnly
from redress.mcp_serving.http import ToolsFront
from redress.mcp_serving.server import ServerParts
from redress.models.identity import ExchangeRequest, Grant
from redress.runtime import SystemClock
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories
from strands.tools.mcp import MCPClient

BLOCKS, OURS, THEIRS = 8, 40, 5
ISSUER, TARGET = "https://tokens.example", audience("orders", "tools")
CASE, GRANT_ID = "case_1", "grant.case_1"
SHOP = example_shop()
ORDER = SHOP.orders[0]
ARGUMENTS = {"order_id": ORDER.order_id}


class World:
    """The example shop, a grant about its order, and the orders domain's server."""

    def __init__(self) -> None:
        self.clock, self.key, self.ids = SystemClock(), LocalKey(), count()
        self.orders, cases, self.used = (MemoryRepository() for _ in range(3))
        seed_repositories(SHOP, self.orders, MemoryRepository(), MemoryRepository())
        grant = Grant(
            grant_id=GRANT_ID,
            case_id=CASE,
            customer_id=ORDER.customer_id,
            scopes=("orders:read",),
            source="bus",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            order_id=ORDER.order_id,
            skus=tuple(dict.fromkeys(line.sku for line in ORDER.lines)),
            as_of=SHOP.as_of,
        )
        save_grant(cases, grant)
        self.broker = Broker(
            grants=cases,
            used=self.used,
            signer=self.key,
            clock=self.clock,
            new_id=lambda: f"jti-{next(self.ids)}",
            issuer=ISSUER,
        )
        check, seen = self.verifier(ReplayGuard(self.used, TARGET)), self.verifier(SeenOnly())
        parts = ServerParts(records=lambda: self.orders, check=lambda: check, passages=tuple)
        self.server = build_server(parts)
        self.front = ToolsFront("orders", self.server, lambda: seen)

    def verifier(self, guard: ReplayGuard) -> Verifier:
        return Verifier(self.key, ISSUER, TARGET, self.clock, guard)

    def token(self) -> str:
        request = ExchangeRequest(
            workload="orders-agent",
            audience=TARGET,
            scope=("orders:read",),
            case_id=CASE,
            grant_id=GRANT_ID,
        )
        return self.broker.exchange(request).access_token


def check(status: str, content: Any) -> None:
    if status != "success" or ORDER.lines[0].sku not in json.dumps(content):
        raise SystemExit(f"wrong answer: {content}")


def ours(world: World, tools: DomainTools) -> Callable[[], None]:
    async def run() -> None:
        run = tools.for_run(world.token, CASE)
        use = {"toolUseId": "use_1", "name": "get_order", "input": ARGUMENTS}
        async for event in run.tools[0].stream(use, {}):
            check(event.tool_result["status"], event.tool_result["content"])

    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(run())


def default(world: World, url: str) -> Callable[[], None]:
    def run() -> None:
        headers = {"authorization": f"Bearer {world.token()}"}
        with MCPClient(url=f"{url}/mcp/orders", headers=headers) as client:
            name = client.list_tools_sync()[0].tool_name
            answer = client.call_tool_sync("use_1", name, ARGUMENTS)
            check(answer["status"], answer["content"])

    return run


def events(world: World) -> Callable[[], None]:
    call = {"name": "get_order", "arguments": ARGUMENTS}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})

    def run() -> None:
        headers = {
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {world.token()}",
            "content-type": "application/json",
            "host": "127.0.0.1",
        }
        http = {"method": "POST", "path": "/mcp/orders", "sourceIp": "127.0.0.1"}
        event = {
            "version": "2.0",
            "rawPath": "/mcp/orders",
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {"domainName": "127.0.0.1", "http": http},
            "body": body,
        }
        answer = world.front.answer(event, None)
        check("success" if answer["statusCode"] == 200 else "error", answer["body"])

    return run


def serve(world: World) -> str:
    """Serve on loopback until the process ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(world.front.app("http://127.0.0.1"), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def spent(run: Callable[[], None], times: int) -> tuple[float, float]:
    """CPU and wall ms of one run."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        run()
    each = 1000 / times
    return (time.process_time() - cpu) * each, (time.perf_counter() - wall) * each


def main() -> None:
    logging.disable(logging.CRITICAL)
    world = World()
    ways = {
        "ours": (ours(world, DomainTools("orders", lambda: world.server).open()), OURS),
        "default": (default(world, serve(world)), THEIRS),
        "events": (events(world), OURS),
    }
    for run, _ in ways.values():
        spent(run, 3)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(BLOCKS):
        for name, (run, times) in ways.items():
            found[name].append(spent(run, times))
    row: dict[str, float] = {}
    for name, blocks in found.items():
        row[f"{name}_cpu_ms"] = statistics.median(cpu for cpu, _ in blocks)
        row[f"{name}_wall_ms"] = statistics.median(wall for _, wall in blocks)
    pairs = list(zip(found["ours"], found["default"], strict=True))
    row["cpu_to_default"] = statistics.median(a[0] / b[0] for a, b in pairs)
    row["wall_to_default"] = statistics.median(a[1] / b[1] for a, b in pairs)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
