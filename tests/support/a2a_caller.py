"""An orchestrator outside a running stack, which asks the domains' agents by A2A."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from redress.a2a.client import DomainAgents
from redress.adapters.aws.kms import KmsKey
from redress.adapters.aws.repository import DynamoDbRepository
from redress.domains.orders.gateway import load_order
from redress.identity.broker import Broker
from redress.identity.grants import save_grant
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES, READ_SCOPE, audience
from redress.models.base import dump
from redress.models.case import SupportCase
from redress.models.identity import ExchangeRequest, Grant
from redress.models.investigation import DOMAINS, DomainName
from redress.runtime import SystemClock


class A2ACaller:
    """An orchestrator outside the stack, whose broker signs with the stack's key."""

    def __init__(self, cloud: Any) -> None:
        spec = next(
            s for s in cloud.functions.functions() if s.logical_id == "ServeOrdersAgentFunction"
        )
        self.url = cloud.url
        self.records = {
            name: DynamoDbRepository(cloud.table(name), cloud.client("dynamodb"))
            for name in ("orders", "cases", "tasks")
        }
        self.broker = Broker(
            grants=self.records["cases"],
            used=self.records["tasks"],
            signer=KmsKey(spec.environment["REDRESS_TOKEN_KEY"], cloud.client("kms")),
            clock=SystemClock(),
            new_id=lambda: uuid.uuid4().hex,
            issuer=spec.environment["REDRESS_TOKEN_ISSUER"],
        )
        self.card_key = KmsKey(spec.environment["REDRESS_CARD_KEY"], cloud.client("kms"))

    @contextmanager
    def agents(self, keys: Any = None) -> Iterator[DomainAgents]:
        urls = {domain: f"{self.url}/a2a/{domain}" for domain in DOMAINS}
        with httpx.Client(trust_env=False) as http:
            yield DomainAgents(urls, http, self.broker, keys or self.card_key)

    def case(self, order_id: str) -> SupportCase:
        order = load_order(self.records["orders"], order_id).order
        name = uuid.uuid4().hex
        case = SupportCase(
            case_id=f"case_{name}",
            customer_id=order.customer_id,
            order_id=order_id,
            statement="Something is wrong with my order.",
            pattern="orchestrator",
            as_of=datetime.now(UTC),
            skus=tuple(dict.fromkeys(line.sku for line in order.lines)),
            grant_id=f"grant.{name}",
        )
        grant = Grant(
            grant_id=case.grant_id,
            case_id=case.case_id,
            customer_id=case.customer_id,
            scopes=DEFAULT_CUSTOMER_SCOPES,
            source="api",
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            order_id=case.order_id,
            skus=case.skus,
            as_of=case.as_of,
        )
        save_grant(self.records["cases"], grant)
        return case

    def token(self, case: SupportCase, domain: Any = "orders") -> str:
        request = ExchangeRequest(
            workload="orchestrator",
            audience=audience(domain, "agent"),
            scope=(READ_SCOPE[domain],),
            case_id=case.case_id,
            grant_id=case.grant_id,
        )
        return self.broker.exchange(request).access_token

    def look_at_everything(self, case: SupportCase, domain: DomainName) -> None:
        """Send a message, read and list tasks, and list where one is told."""
        params: dict[str, Any] = {"message": message_of(case, "look")}
        task = self.rpc(case, domain, "SendMessage", params)["task"]
        self.rpc(case, domain, "GetTask", {"id": task["id"]})
        self.rpc(case, domain, "ListTasks", {})
        self.rpc(case, domain, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})

    def rpc(self, case: SupportCase, domain: DomainName, method: str, params: Any) -> Any:
        """Call a method by JSON-RPC; returns its result."""
        headers = {"Authorization": f"Bearer {self.token(case, domain)}", "A2A-Version": "1.0"}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        with httpx.Client(trust_env=False, timeout=60) as http:
            answer = http.post(f"{self.url}/a2a/{domain}", json=body, headers=headers)
        return answer.json()["result"]


def message_of(case: SupportCase, message_id: str) -> dict[str, Any]:
    facts = {key: value for key, value in dump(case).items() if key != "grant_id"}
    data = {"case": facts, "question": "What is known about the order?"}
    return {"messageId": message_id, "role": "ROLE_USER", "parts": [{"data": data}]}
