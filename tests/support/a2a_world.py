"""One domain's A2A server over repositories in memory, and callers with tokens of their own."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
from grant_world import granted
from redress.a2a.app import agent_path, build_app
from redress.a2a.push import UnsafeUrlError, check_url
from redress.a2a.tasks import TaskStore
from redress.adapters.local_keys import LocalKey
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.agent import AGENT as INVENTORY
from redress.domains.orders.agent import AGENT as ORDERS
from redress.domains.payments.agent import AGENT as PAYMENTS
from redress.identity.broker import Broker
from redress.identity.grants import delegate
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.tokens import Verifier
from redress.models.agents import AgentTask
from redress.models.base import dump
from redress.models.case import SupportCase
from redress.models.identity import ExchangeRequest
from redress.models.investigation import DomainName, DomainReport, Evidence, EvidenceBundle
from redress.runtime import SystemClock
from redress_local.embedded.asgi_transport import AsgiTransport

ISSUER = "https://issuer.example"
BASE = "http://agents.example"
AGENTS = {"orders": ORDERS, "payments": PAYMENTS, "inventory": INVENTORY}


def report_of(domain: DomainName) -> DomainReport:
    item = Evidence(
        evidence_id=f"{domain}/1", domain=domain, summary="one", facts={"minor": 4999, "rate": 0.5}
    )
    return DomainReport(
        domain=domain, evidence=EvidenceBundle(domain=domain, items=(item,)), summary="Found."
    )


class Starter:
    """A `TaskStarter` that remembers, and does at once what it is told to."""

    def __init__(self) -> None:
        self.started: list[AgentTask] = []
        self.act: Callable[[AgentTask], Any] = lambda task: None

    def start(self, task: AgentTask) -> None:
        self.started.append(task)
        self.act(task)


class A2AWorld:
    """Servers of all three domains on one table, a broker, and HTTP to them without sockets."""

    def __init__(self, budget: float = 0.5) -> None:
        self.clock = SystemClock()
        self.records = MemoryRepository()
        self.grants = MemoryRepository()
        self.key, self.card_key = LocalKey(), LocalKey()
        self.store = TaskStore(self.records, self.clock)
        self.starter = Starter()
        self.starter.act = self.complete
        self.broker = Broker(
            grants=self.grants,
            used=self.records,
            signer=self.key,
            clock=self.clock,
            new_id=lambda: uuid.uuid4().hex,
            issuer=ISSUER,
        )
        self.apps = {domain: self._app(domain, budget) for domain in AGENTS}
        self.transport = AsgiTransport(
            {agent_path(domain): lambda app=app: app for domain, app in self.apps.items()}
        )
        self.http = httpx.Client(transport=self.transport, base_url=BASE)
        self.cases = 0

    def _app(self, domain: DomainName, budget: float) -> Any:
        aud = audience(domain, "agent")
        replay = ReplayGuard(self.records, aud)
        return build_app(
            AGENTS[domain],
            tasks=self.records,
            starter=self.starter,
            verifier=Verifier(self.key, ISSUER, aud, self.clock, replay),
            signer=self.card_key,
            delegate=lambda access, skus: delegate(
                self.grants, access, skus, self.clock, lambda: uuid.uuid4().hex
            ),
            clock=self.clock,
            check_push_url=public_by_name,
            budget=budget,
        )

    def complete(self, task: AgentTask) -> None:
        self.store.end(task.task_id, report=report_of(task.domain))

    def case(self, **changes: Any) -> SupportCase:
        """A granted case; each has an id and a customer of its own."""
        self.cases += 1
        fields: dict[str, Any] = {
            "case_id": f"case_{self.cases}",
            "customer_id": f"customer_{self.cases}",
            "order_id": f"order_{self.cases}",
            "statement": "I was charged twice.",
            "pattern": "orchestrator",
            "as_of": self.clock.now(),
            "skus": ("sku_1", "sku_2"),
            "grant_id": f"grant.case_{self.cases}",
        }
        case = SupportCase(**(fields | changes))
        granted(case, repository=self.grants)
        return case

    def token(self, case: SupportCase, domain: DomainName = "orders", **changes: Any) -> str:
        fields: dict[str, Any] = {
            "workload": "orchestrator",
            "audience": audience(domain, "agent"),
            "scope": (READ_SCOPE[domain],),
            "case_id": case.case_id,
            "grant_id": case.grant_id,
        }
        return self.broker.exchange(ExchangeRequest(**(fields | changes))).access_token

    def rpc(
        self,
        method: str,
        params: Any,
        case: SupportCase | None,
        *,
        domain: DomainName = "orders",
        path: str | None = None,
        version: str | None = "1.0",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call a method by JSON-RPC, with a new token; returns the body."""
        sent = {"content-type": "application/json", **(headers or {})}
        if version is not None:
            sent["A2A-Version"] = version
        if token is None and case is not None:
            token = self.token(case, domain)
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = self.http.post(
            path or agent_path(domain), content=msgspec.json.encode(body), headers=sent
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def result(self, method: str, params: Any, case: SupportCase, **more: Any) -> Any:
        answer = self.rpc(method, params, case, **more)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, params: Any, case: SupportCase | None, **more: Any) -> int:
        answer = self.rpc(method, params, case, **more)
        assert "error" in answer, answer
        code: int = answer["error"]["code"]
        return code

    def rest(
        self, verb: str, path: str, case: SupportCase, *, domain: DomainName = "orders", **more: Any
    ) -> httpx.Response:
        headers = {
            "A2A-Version": "1.0",
            "Authorization": f"Bearer {self.token(case, domain)}",
            **more.pop("headers", {}),
        }
        return self.http.request(verb, agent_path(domain) + path, headers=headers, **more)


class FreshTokens(httpx.Auth):
    """Lets the official clients bring a new token with each request."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Authorization"] = f"Bearer {self._make()}"
        yield request


def message(case: SupportCase, message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    facts = dump(case)
    facts.pop("grant_id")
    return {
        "messageId": message_id,
        "role": "ROLE_USER",
        "parts": [{"data": {"case": facts, "question": "What was charged?"}}],
        **changes,
    }


def public_by_name(url: str) -> None:
    """As in production, but names under example.com are public without asking a name server."""

    def find(host: str, _port: int) -> list[str]:
        if host.endswith("example.com"):
            return ["93.184.215.14"]
        if host.endswith(".internal"):
            return ["93.184.215.14", "10.0.0.7"]
        if host.replace(".", "").isdigit() or ":" in host:
            return [host]
        raise OSError("unknown host")

    check_url(url, find)


__all__ = ["A2AWorld", "FreshTokens", "UnsafeUrlError", "message", "public_by_name", "report_of"]
