"""Takes Redress down every path, so that every function does all that it ever does."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from typing import Any, get_args
from urllib.parse import urlsplit

from a2a_caller import A2ACaller
from botocore.credentials import Credentials
from redress.adapters.aws.repository import DynamoDbRepository
from redress.adapters.aws.token_exchange import HttpTokenBroker
from redress.api.clients import Client, keep_client
from redress.domains.orders.gateway import load_order, put_shipment
from redress.domains.orders.models import Parcel, ParcelItem, Shipment
from redress.identity.grants import save_grant
from redress.models.case import Pattern
from redress.models.identity import ExchangeRequest, Grant
from redress.models.investigation import DOMAINS
from redress.steps.record_finding import findings_of
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.labels import CaseLabel, Labels
from stack_world import StackWorld, until
from tools_issuer import use_every_tool
from websockets.sync.client import connect

# What these do differs by what their agents read, not by the kind of case.
BY_AGENTS: dict[Pattern, tuple[str, ...]] = {
    "pipeline": ("missing_item",),
    "orchestrator": ("missing_item", "duplicate_charge"),
    "swarm": ("duplicate_charge",),
}


class EveryPath:
    """One running cloud, and the ways through it."""

    def __init__(self, cloud: EmulatedCloud, labels: Labels) -> None:
        self.world = StackWorld(cloud, labels)
        self.cloud = cloud
        self._taken: set[str] = set()

    def label(self, *actions: str, **wanted: Any) -> CaseLabel:
        """A case that nobody has taken, with these actions due, or with these values."""
        for label in self.world.labels.cases:
            due = sorted(action.action for action in label.expected_actions)
            if label.case_id in self._taken or (actions and due != sorted(actions)):
                continue
            if all(getattr(label, name) == value for name, value in wanted.items()):
                self._taken.add(label.case_id)
                return label
        raise AssertionError(f"the shop has no more cases with {actions} {wanted}")

    def run(self, label: CaseLabel, status: str = "SUCCEEDED", **change: Any) -> str:
        """Put a case and wait for its end; approves it if need be."""
        detail = {**self.world.opened(label), **change}
        execution = self.world.started_by(self.world.put(detail)[0])
        ended = self.world.ended(execution)
        assert ended["status"] == status, ended
        return execution

    # The ways

    def resolve(self) -> None:
        """Each kind of case, by each pattern."""
        kinds = sorted({label.kind for label in self.world.labels.cases})
        taken = [
            (kind, pattern)
            for pattern in get_args(Pattern)
            for kind in BY_AGENTS.get(pattern, kinds)
        ]
        wanted = [(self.label(kind=kind), pattern) for kind, pattern in taken]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: self.run(each[0], pattern=each[1]), wanted))

    def ask(self) -> None:
        """A human says yes, and no."""
        for decision, status in (("approve", "resolved"), ("deny", "rejected")):
            waiting = self._waiting_for_a_human()
            answer = self.world.answer(waiting, decision)
            assert "errorType" not in answer, answer
            until(partial(self._stands, waiting, status), f"the case after {decision}")

    def _waiting_for_a_human(self) -> str:
        for label in self.world.labels.cases:
            if label.case_id in self._taken or not label.expected_actions:
                continue
            self._taken.add(label.case_id)
            execution = self.world.started_by(self.world.put(self.world.opened(label))[0])

            def look(case_id: str = label.case_id, execution: str = execution) -> str | None:
                status = self._status(case_id)
                if status == "awaiting_approval":
                    return status
                found = self.world.states.describe_execution(executionArn=execution)
                return str(found["status"]) if found["status"] != "RUNNING" else None

            if until(look, "a question or an end") == "awaiting_approval":
                return label.case_id
        raise AssertionError("no case of the shop needs a human")

    def _stands(self, case_id: str, status: str) -> bool:
        return self._status(case_id) == status

    def _status(self, case_id: str) -> str | None:
        case = self.world.case(case_id)
        return case.status if case else None

    def fail_the_refund_of_a_line(self) -> None:
        """A line is to be refunded and the refund fails: the claim on the line is released."""
        label = self.label("refund_line")
        with self.throttled("IssueRefundFunction"):
            self.run(label, "FAILED")
        self._told(label, "CaseFailed")
        # The operator puts it again: the next attempt looks at what the first one left.
        self.run(label, "SUCCEEDED")

    def fail_to_reserve(self) -> None:
        """Nothing was reserved, so far as anybody knows; it is released all the same."""
        label = self.label("reship_line")
        with self.throttled("ReserveStockFunction"):
            self.run(label, "FAILED")

    def fail_the_shipment_half_way(self) -> None:
        """Somebody sends the pieces while the money moves: the shipment is refused."""
        label = self.label("refund_payment", "reship_line")
        with self.throttled("IssueRefundFunction"):
            execution = self.world.started_by(self.world.put(self.world.opened(label))[0])
            before = self.world.ledger(label.order_id)

            def reserved() -> bool:
                if self._status(label.case_id) == "awaiting_approval":
                    self.world.answer(label.case_id)
                new = self.world.ledger(label.order_id).keys() - before.keys()
                return any(kind == "reservation" for kind, _ in new)

            until(reserved, "the reservation")
            self._send_everything(label)
        assert self.world.ended(execution)["status"] == "FAILED"
        self._told(label, "CaseFailed")

    def _send_everything(self, label: CaseLabel) -> None:
        orders = self.world.domains[0]
        order = load_order(orders, label.order_id).order
        at: datetime = self.world.labels.as_of
        parcel = Parcel(
            parcel_id=f"parcel.{label.order_id}.again",
            status="delivered",
            items=tuple(ParcelItem(sku=line.sku, quantity=line.quantity) for line in order.lines),
            delivered_at=at,
        )
        shipment = Shipment(
            shipment_id=f"shipment.{label.order_id}.again",
            order_id=label.order_id,
            promised_by=at,
            parcels=(parcel,),
        )
        orders.commit([put_shipment(shipment, 0)])

    def _told(self, label: CaseLabel, detail_type: str) -> None:
        def look() -> bool:
            told = self.world.archived(label.case_id)
            return any(event["detail-type"] == detail_type for event in told)

        until(look, f"{detail_type} of {label.case_id}")

    def tokens(self) -> None:
        """A workload exchanges a grant, then the token that it got for its agent; keys are read."""
        now = datetime.now(UTC)
        grant = Grant(
            grant_id="grant_tokens",
            case_id="case_tokens",
            customer_id="cus_tokens",
            scopes=("orders:read",),
            source="api",
            expires_at=now + timedelta(days=1),
            order_id="ord_tokens",
            as_of=now,
        )
        save_grant(self.world.cases, grant)
        specs = {spec.logical_id: spec for spec in self.cloud.functions.functions()}

        def exchange(function: str, **wanted: Any) -> str:
            keys = Credentials(specs[function].access_key_id, "secret", "session")
            broker = HttpTokenBroker(f"{self.cloud.url}/oauth/token", "us-east-1", keys)
            asked = {"case_id": grant.case_id, "scope": ("orders:read",), **wanted}
            return broker.exchange(ExchangeRequest(**asked)).access_token

        token = exchange(
            "InvestigateOrchestratorFunction",
            workload="orchestrator",
            audience="redress:orders:agent",
            grant_id=grant.grant_id,
        )
        exchange(
            "RunOrdersAgentFunction",
            workload="orders-agent",
            audience="redress:orders:tools",
            subject_token=token,
        )
        assert self._call("GET", "/.well-known/jwks.json", "")["keys"]
        assert self._call("GET", "/.well-known/openid-configuration", "")["issuer"]

    def customers(self) -> None:
        """A customer opens and reads a case, watches it, and leaves; another left unnoticed."""
        label = self.label(kind="duplicate_charge")
        token = self.cloud.issuer.mint(sub=label.customer_id)
        ticket = self._call("POST", "/tickets", token)["ticket"]
        clients = DynamoDbRepository(
            str(self.cloud.table("clients")), self.cloud.client("dynamodb")
        )
        at = datetime.fromtimestamp(time.time(), tz=self.world.labels.as_of.tzinfo)
        gone = Client(connection_id="gone=", customer_id=label.customer_id, connected_at=at)
        keep_client(clients, gone)
        url = f"{self.cloud.stack.outputs['WebSocketUrl']}?ticket={ticket}"
        with connect(url, open_timeout=20, proxy=None) as socket:
            wanted = {"order_id": label.order_id, "statement": label.statement}
            case_id = self._call("POST", "/cases", token, wanted)["case_id"]
            while json.loads(socket.recv(60))["type"] != "CaseResolved":
                # A person looks now if need be.
                if self._status(case_id) == "awaiting_approval":
                    self.world.answer(case_id)
            socket.send(json.dumps({"action": "watch", "case_id": case_id}))
            while json.loads(socket.recv(60))["type"] != "CaseStatus":
                pass
        assert self._call("GET", f"/cases/{case_id}", token)["status"] == "resolved"
        index = f"customer#{label.customer_id}"
        until(lambda: not clients.by_index(index), "the end of both connections")

    def _call(self, method: str, path: str, token: str, body: Any = None) -> Any:
        connection = HTTPConnection(urlsplit(self.cloud.url).netloc, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status < 300, (answer.status, data)
            return json.loads(data)
        finally:
            connection.close()

    def hear_of_a_finding(self) -> None:
        """An agent of somebody else reports."""
        case_id = self.world.labels.cases[0].case_id
        finding = {
            "schema_version": "1",
            "case_id": case_id,
            "agent": "test",
            "code": "odd",
            "severity": "info",
            "text": "",
            "evidence": [],
            "reported_at": self.world.labels.as_of.isoformat(),
        }
        self.world.put(finding, detail_type="FindingReported")
        until(lambda: findings_of(self.world.cases, case_id), "the finding")

    def use_tools(self) -> None:
        """Somebody else's agent calls every tool of every domain's MCP server."""
        use_every_tool(self.cloud, self.world.labels.cases[0].order_id)

    def look_at_tasks(self) -> None:
        """Somebody else's orchestrator asks each agent for its tasks, and where they are told."""
        caller = A2ACaller(self.cloud)
        case = caller.case(self.world.labels.cases[0].order_id)
        for domain in DOMAINS:
            caller.look_at_everything(case, domain)

    @contextmanager
    def throttled(self, logical_id: str) -> Iterator[None]:
        """No invocation of a function is let through."""
        functions = self.cloud.functions.functions()
        name = next(f.name for f in functions if f.logical_id == logical_id)
        client = self.cloud.client("lambda")
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            client.delete_function_concurrency(FunctionName=name)
