"""The example case behind real MCP servers and real tokens, over repositories in memory."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from example_case import ExampleCase
from redress.adapters.local_keys import LocalKey
from redress.adapters.memory.repository import MemoryRepository
from redress.adapters.passages import read_passages
from redress.agents.domain_tools import DomainTools
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.tokens import Verifier, claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.mcp_serving.calls import ACCESS_META, CASE_META, SeenOnly
from redress.mcp_serving.http import ToolsFront
from redress.mcp_serving.server import ServerParts
from redress.models.identity import Access, sku_digests
from redress.models.investigation import DomainName
from starlette.types import ASGIApp

ROOT = Path(__file__).parents[2]
ISSUER = "https://tokens.example"
DOMAINS: tuple[DomainName, ...] = ("orders", "payments", "inventory")

ORDER = "ord_1001"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "get_order": {"order_id": ORDER},
    "get_shipments": {"order_id": ORDER},
    "get_invoice": {"order_id": ORDER},
    "get_payments": {"order_id": ORDER},
    "get_stock": {"skus": ["sku_mug", "sku_teapot"]},
}
"""What each tool is called with for the example case."""

A_TOOL: dict[DomainName, str] = {
    "orders": "get_order",
    "payments": "get_payments",
    "inventory": "get_stock",
}


class TestClock:
    """A clock that a test moves."""

    __test__ = False

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class ToolWorld:
    """Servers of all domains, and an issuer of tokens that is asked directly."""

    def __init__(self) -> None:
        self.example = ExampleCase()
        self.clock = TestClock()
        self.key = LocalKey()
        self.used = MemoryRepository()
        self._ids = count(1)
        self._tools: list[DomainTools] = []

    def check(self, domain: DomainName) -> Verifier:
        return self._verifier(domain, ReplayGuard(self.used, audience(domain, "tools")))

    def seen(self, domain: DomainName) -> Verifier:
        return self._verifier(domain, SeenOnly())

    def parts(self, domain: DomainName) -> ServerParts:
        return ServerParts(
            records=lambda: getattr(self.example, domain),
            check=lambda: self.check(domain),
            passages=lambda: read_passages(ROOT / "policies"),
        )

    def server(self, domain: DomainName) -> Any:
        return import_module(f"redress.domains.{domain}.tools").build_server(self.parts(domain))

    def front(self, domain: DomainName, server: Any = None) -> ToolsFront:
        chosen = self.server(domain) if server is None else server
        return ToolsFront(domain, chosen, lambda: self.seen(domain), lambda: ISSUER)

    def tools(self, domain: DomainName, server: Any = None) -> DomainTools:
        """The domain's tools in memory; `close` ends their session."""
        made = DomainTools(domain, lambda: self.server(domain) if server is None else server)
        self._tools.append(made)
        return made.open()

    def access(self, domain: DomainName, **changed: Any) -> Access:
        case = self.example.case
        access = Access(
            subject=case.customer_id,
            case_id=case.case_id,
            order_id=case.order_id,
            sku_digests=sku_digests(case.skus),
            as_of=case.as_of,
            scopes=(READ_SCOPE[domain],),
            audience=audience(domain, "tools"),
            act=(AGENT_OF[domain],),
        )
        return msgspec.structs.replace(access, **changed)

    def token(self, domain: DomainName, life: int = 60, **changed: Any) -> str:
        claims = claims_of(
            self.access(domain, **changed),
            issuer=ISSUER,
            jti=f"jti-{next(self._ids)}",
            now=int(self.clock.now().timestamp()),
            life=life,
        )
        return sign(claims, self.key)

    def close(self) -> None:
        for tools in self._tools:
            tools.close()

    def _verifier(self, domain: DomainName, guard: ReplayGuard) -> Verifier:
        return Verifier(self.key, ISSUER, audience(domain, "tools"), self.clock, guard)


def call(
    tools: DomainTools, name: str, arguments: Any, token: Any, case_id: Any = None
) -> tuple[str, Any]:
    """Call a tool in memory; return the status and the structured content."""
    meta = {ACCESS_META: token, CASE_META: case_id}
    given = {key: value for key, value in meta.items() if value is not None}
    client = tools.for_run(str, "case_1").tools[0].mcp_client
    result = client.call_tool_sync("use_1", name, arguments, meta=given)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    return result["status"], result["structuredContent"]


def message(method: str, **params: Any) -> dict[str, Any]:
    """Return a JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def tool_call(name: str, **changed: Any) -> dict[str, Any]:
    """Return the request that calls a tool for the example case."""
    return message("tools/call", name=name, arguments={**ARGUMENTS[name], **changed})


def http_event(
    domain: DomainName,
    body: Any = None,
    token: str | None = None,
    *,
    method: str = "POST",
    path: str = "",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return an event of API Gateway, payload format 2.0."""
    where = path or f"/mcp/{domain}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {where}",
        "rawPath": where,
        "rawQueryString": "",
        "headers": {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "host": "api.example.com",
            "x-forwarded-proto": "https",
            **({"authorization": f"Bearer {token}"} if token is not None else {}),
            **(headers or {}),
        },
        "requestContext": {
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": where,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "test",
            },
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event


def answer_of(answer: dict[str, Any]) -> Any:
    """Return the body of an HTTP answer."""
    return json.loads(answer["body"])


def content_of(answer: dict[str, Any]) -> Any:
    """Return the structured content of an HTTP answer to a call of a tool."""
    assert answer["statusCode"] == 200, answer
    return answer_of(answer)["result"]["structuredContent"]


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on loopback by uvicorn; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
