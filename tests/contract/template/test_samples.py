"""Every function takes its sample input, and needs exactly the rights that the template gives it.

The samples are run in the order of the workflow, on the example shop, by the real handlers over
memory adapters that note what is asked of them.
"""

import importlib.util
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from msgspec.structs import replace
from redress.adapters.local_keys import LocalKey
from redress.adapters.memory.callback import MemoryCallback
from redress.adapters.memory.connections import MemoryConnections
from redress.adapters.memory.events import MemoryPublisher
from redress.adapters.memory.repository import MemoryRepository
from redress.config import Config
from redress.identity.broker import Broker
from redress.identity.exchange import JWT_SUBJECT
from redress.identity.scopes import READ_SCOPE, AudienceKind, audience
from redress.identity.tokens import claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.models.agents import AgentTask
from redress.models.base import dump, dump_json, parse
from redress.models.case import SupportCase
from redress.models.identity import Access, Workload, sku_digests
from redress.models.investigation import DOMAINS, DomainName, DomainReport
from redress.ports import Record, Write
from redress.runtime import Runtime, using
from redress_local.shop.document import Shop
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "events"
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())

# The ruling that await_approval's sample asks about.
PROGRAM_FAILED = "decide_by_policy, the program failed"

# What can follow one another on one store; the last of each may not be possible otherwise.
STORIES = (
    (
        "validate_case",
        "claim_case",
        "exchange_token",
        "show_keys",
        "gather_context",
        "fetch_order_evidence",
        "fetch_payment_evidence",
        "fetch_inventory_evidence",
        "conclude_investigation",
        "investigate_monolith",
        "run_orders_agent",
        "run_payments_agent",
        "run_inventory_agent",
        "investigate_orchestrator",
        "reconcile",
        "decide_by_policy",
        "reserve_stock",
        "issue_refund",
        "ship_replacement",
        "close_case",
        "open_case",
        "issue_ticket",
        "connect_client",
        "show_case",
        "watch_case",
        "notify_clients",
        "disconnect_client",
        "index_resolution",
        "record_finding",
    ),
    ("serve_orders_tools", "serve_payments_tools", "serve_inventory_tools"),
    ("serve_orders_agent", "serve_payments_agent", "serve_inventory_agent", "record_task"),
    ("claim_case", PROGRAM_FAILED, "await_approval", "answer_approval"),
    (
        "claim_case",
        "decide_by_policy",
        "reserve_stock",
        "issue_refund",
        "ship_replacement",
        "cancel_replacement",
        "reverse_refund",
        "release_stock",
        "record_failure",
    ),
)
ISSUER = "https://tokens.example"
ROLE = "arn:aws:iam::123456789012:role/redress-RunOrdersAgentFunctionRole"
TOOLS_OF: dict[str, DomainName] = {
    "serve_orders_tools": "orders",
    "serve_payments_tools": "payments",
    "serve_inventory_tools": "inventory",
}
TICKET = "t" * 43
LINE = "line_1001_teapot"


class Recorder:
    """A `Repository` that notes which actions on which resource a function needs."""

    def __init__(self, table: str, needed: dict[str, dict[str, set[str]]]) -> None:
        self.inner = MemoryRepository()
        self.function = ""
        self._table = table
        self._needed = needed

    def _note(self, resource: str, action: str) -> None:
        self._needed[self.function][resource].add(action)

    def get(self, partition: str, sort: str) -> Record | None:
        self._note(self._table, "dynamodb:GetItem")
        return self.inner.get(partition, sort)

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        self._note(self._table, "dynamodb:Query")
        return self.inner.query(partition, prefix)

    def by_index(self, index: str) -> list[Record]:
        self._note(f"{self._table}/index/by_index", "dynamodb:Query")
        return self.inner.by_index(index)

    def commit(self, writes: Sequence[Write]) -> None:
        self._note(self._table, "dynamodb:PutItem")
        self.inner.commit(writes)


class Agents:
    """The domains' agents, asked without A2A: their functions on the same stage."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage
        self._lock = threading.Lock()

    def ask(
        self, domain: DomainName, case: SupportCase, question: str, grant_id: str
    ) -> DomainReport:
        """Play the function of a domain's agent."""
        event = {"case": dump(case), "question": question, "grant_id": grant_id}
        with self._lock:
            asking = self._stage.tables["cases"].function
            report = self._stage.play(f"run_{domain}_agent", json.loads(dump_json(event)))
            for table in self._stage.tables.values():
                table.function = asking
        return parse(DomainReport, report)


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, 12, 5, tzinfo=UTC)


class Stage:
    """One fresh environment."""

    def __init__(self, needed: dict[str, dict[str, set[str]]], shop: Shop | None = None) -> None:
        self.tables = {
            name: Recorder(f"{name.capitalize()}Table", needed)
            for name in ("orders", "payments", "inventory", "cases", "clients", "tasks")
        }
        domains = (self.tables[name].inner for name in ("orders", "payments", "inventory"))
        seed_repositories(shop or example_shop(), *domains)
        self.events = MemoryPublisher()
        self.key = LocalKey()
        self.ids = count()
        self.started: list[AgentTask] = []
        connection = sample("connect_client")["requestContext"]["connectionId"]
        self.connections = MemoryConnections({connection})
        self.runtime = Runtime(
            Config(
                policies_dir=str(ROOT / "policies"),
                token_issuer=ISSUER,
                workload_roles=f"orders-agent={ROLE}",
            ),
            clock=FixedClock(),
            signer=self.key,
            broker=Broker(
                grants=self.tables["cases"].inner,
                used=self.tables["tasks"].inner,
                signer=self.key,
                clock=FixedClock(),
                new_id=partial(token_urlsafe, 16),
                issuer=ISSUER,
            ),
            agents=Agents(self),
            card_signer=LocalKey(),
            task_starter=self,
            publisher=self.events,
            connections=self.connections,
            new_secret=lambda: TICKET,
            callbacks=MemoryCallback({sample("await_approval")["task_token"]}),
            **self.tables,
        )

    def play(self, folder: str, event: Any = None) -> Any:
        for table in self.tables.values():
            table.function = folder
        chosen = event or sample(folder)
        if folder in TOOLS_OF:
            # A token lives a minute, so no sample can hold one.
            chosen["headers"]["authorization"] = f"Bearer {self.token(TOOLS_OF[folder])}"
        with using(self.runtime):
            return json.loads(json.dumps(handler(folder)(chosen, None)))

    def start(self, task: AgentTask) -> None:
        """Remember a task that an agent's server starts."""
        self.started.append(task)

    def ask_an_agent(self, domain: DomainName) -> None:
        """Send a message, look at the task and at all, want to be told, and see it end."""
        facts = sample("fetch_order_evidence")["case"]
        facts = {key: value for key, value in facts.items() if key != "grant_id"}
        message = {
            "messageId": "msg-1",
            "role": "ROLE_USER",
            "parts": [{"data": {"case": facts, "question": "What is known?"}}],
        }
        later = {"returnImmediately": True}
        task = self.rpc(domain, "SendMessage", {"message": message, "configuration": later})["task"]
        for method in ("GetTask", "ListTasks"):
            self.rpc(domain, method, {"id": task["id"]} if method == "GetTask" else {})
        self.rpc(domain, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})
        report = {"domain": domain, "evidence": {"domain": domain, "items": []}}
        ended = self.play("record_task", {"task_id": task["id"], "report": report})
        assert (ended["state"], self.started[-1].task_id) == ("completed", task["id"])

    def rpc(self, domain: DomainName, method: str, params: Any) -> Any:
        """Call a domain's agent by JSON-RPC, with a token of its own."""
        event = sample(f"serve_{domain}_agent")
        http = event["requestContext"]["http"]
        event["rawPath"] = http["path"] = f"/a2a/{domain}"
        http["method"] = "POST"
        token = self.token(domain, "agent", "orchestrator")
        event["headers"] |= {"authorization": f"Bearer {token}", "a2a-version": "1.0"}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        event["body"] = json.dumps(body)
        answer = json.loads(self.play(f"serve_{domain}_agent", event)["body"])
        assert "result" in answer, answer
        return answer["result"]

    def exchange_a_token(self) -> None:
        """The agent of a domain exchanges the token that it was called with."""
        event = sample("exchange_token")
        form = dict(parse_qsl(event["body"]))
        form["subject_token_type"] = JWT_SUBJECT
        form["subject_token"] = self.token("orders", "agent", "orchestrator")
        event["body"] = urlencode(form)
        event["stageVariables"]["issuer"] = ISSUER
        assert self.play("exchange_token", event)["statusCode"] == 200

    def token(
        self, domain: DomainName, kind: AudienceKind = "tools", actor: Workload | None = None
    ) -> str:
        """Issue a token for a domain's tools, as the broker would for the example case."""
        case = sample("fetch_order_evidence")["case"]
        access = Access(
            subject=case["customer_id"],
            case_id=case["case_id"],
            order_id=case["order_id"],
            sku_digests=sku_digests(case["skus"]),
            as_of=datetime.fromisoformat(case["as_of"]),
            scopes=(READ_SCOPE[domain],),
            audience=audience(domain, kind),
            act=(actor or AGENT_OF[domain],),
        )
        now = int(FixedClock().now().timestamp())
        claims = claims_of(access, issuer=ISSUER, jti=f"jti_{next(self.ids)}", now=now, life=60)
        return sign(claims, self.key)

    def decide_without_the_program(self) -> None:
        error = {"type": "Timeout", "message": "too slow"}
        request = sample("decide_by_policy")
        request["reconciliation"] |= {"ok": False, "value": None, "error": error}
        self.play("decide_by_policy", request)


def sample(folder: str) -> Any:
    return json.loads((SAMPLES / f"{folder}.json").read_text(encoding="utf-8"))


def handler(folder: str) -> Any:
    path = ROOT / "functions" / folder / "handler.py"
    spec = importlib.util.spec_from_file_location(f"functions_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    """Answers by function, what each needed, and the events that were published."""
    needed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    answers: dict[str, Any] = {}
    events = []
    for story in STORIES:
        stage = Stage(needed)
        for folder in story:
            if folder is PROGRAM_FAILED:
                stage.decide_without_the_program()
            else:
                answers[folder] = stage.play(folder)
        events.extend(stage.events.published)
    play_what_samples_leave_out(needed)
    return {"answers": answers, "needed": needed, "events": events}


def play_what_samples_leave_out(needed: dict[str, dict[str, set[str]]]) -> None:
    """A take-over, a step given up before the next began, a client gone, and a line's refund."""
    stage = Stage(needed)
    for folder in ("claim_case", "record_failure", "claim_case"):
        stage.play(folder)
    stage.play("decide_by_policy", {**sample("decide_by_policy"), "attempt": 2})
    stage.play("release_stock")
    stage.exchange_a_token()
    for domain in DOMAINS:
        Stage(needed).ask_an_agent(domain)
    stage.play("issue_ticket")
    stage.play("connect_client")
    stage.connections.open_ids.clear()
    stage.play("notify_clients")

    shop = example_shop()
    sold_out = tuple(replace(stock, on_hand=0) for stock in shop.stock)
    stage = Stage(needed, replace(shop, stock=sold_out))
    stage.play("claim_case")
    request = sample("decide_by_policy")
    wish = {"action": "refund_line", "subject_id": LINE, "reason_code": "missing_item"}
    request["investigation"]["proposal"]["actions"] = [wish]
    settlement = {"ruling": stage.play("decide_by_policy", request), "attempt": 1}
    assert [a["decision"] for a in settlement["ruling"]["actions"]] != ["deny"]
    if settlement["ruling"]["next_step"] == "approve":
        question = {**sample("await_approval"), "ruling": settlement["ruling"]}
        stage.play("await_approval", question)
        answer = sample("answer_approval")
        answer["proposal_hash"] = settlement["ruling"]["proposal_hash"]
        stage.play("answer_approval", answer)
    stage.play("issue_refund", settlement)
    stage.play("reverse_refund", settlement)


def test_every_sample_is_played() -> None:
    assert {folder for story in STORIES for folder in story} - {PROGRAM_FAILED} == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_takes_its_sample_and_gives_json(played: dict[str, Any], folder: str) -> None:
    answer = played["answers"][folder]
    assert isinstance(answer, dict)
    # Step Functions' limit on what a state passes on.
    assert len(json.dumps(answer).encode()) < 256 * 1024


@pytest.mark.parametrize("folder", FOLDERS)
def test_rights_on_tables_are_what_the_function_needs(
    played: dict[str, Any], functions: dict[str, Any], folder: str
) -> None:
    needed = {resource: set(used) for resource, used in played["needed"][folder].items()}
    name = "".join(word.capitalize() for word in folder.split("_")) + "Function"
    given: dict[str, set[str]] = defaultdict(set)
    for resource, actions in table_rights(functions[name]):
        given[resource] |= actions
    assert given == needed


def table_rights(function: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    for policy in function.get("Policies", []):
        for either in policy["Statement"]:
            # Without a knowledge base, which is what the samples are played without.
            statement = either["Fn::If"][2] if "Fn::If" in either else either
            actions = set(statement["Action"])
            if any(action.startswith("dynamodb:") for action in actions):
                resource = statement["Resource"]
                if "Fn::Sub" in resource:
                    yield resource["Fn::Sub"].replace("${", "").replace(".Arn}", ""), actions
                else:
                    yield resource["Fn::GetAtt"][0], actions


@pytest.mark.parametrize("folder", TOOLS_OF)
def test_tools_answer_their_samples_with_evidence(played: dict[str, Any], folder: str) -> None:
    answer = played["answers"][folder]
    assert answer["statusCode"] == 200
    content = json.loads(answer["body"])["result"]["structuredContent"]
    assert {name.split("/")[0] for name in content["evidence"]} == {TOOLS_OF[folder]}


def test_the_sample_exchange_gives_a_token(played: dict[str, Any]) -> None:
    answer = played["answers"]["exchange_token"]
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["scope"] == "orders:read"


def test_the_samples_tell_one_story(played: dict[str, Any]) -> None:
    """A sample is what the functions before it answered, as the state machine passes it on."""
    answers = played["answers"]
    assert sample("claim_case")["case"] == answers["validate_case"]
    assert unscored(sample("conclude_investigation")) == unscored(answers["gather_context"])
    assert sample("reconcile")["program"] == answers["conclude_investigation"]["program"]
    assert sample("decide_by_policy")["reconciliation"]["ok"] is True
    assert sample("issue_refund")["ruling"] == answers["decide_by_policy"]
    assert answers["decide_by_policy"]["next_step"] == "settle"
    done = [effect["action"] for effect in answers["issue_refund"]["effects"]]
    assert done == ["refund_payment"]
    assert answers["close_case"]["detail_type"] == "CaseResolved"


def unscored(holder: dict[str, Any]) -> list[dict[str, Any]]:
    """Passages without their scores, which every word of the policy has a share in."""
    return [{**passage, "score": None} for passage in holder["passages"]]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_failure_is_recorded_from_the_rules_own_event(as_text: bool) -> None:
    """Step Functions gives the execution's input as JSON text, and null where it was too large."""
    stage = Stage(defaultdict(lambda: defaultdict(set)))
    stage.play("claim_case")
    report = sample("record_failure")
    case_id = report["event"]["detail"]["case_id"]
    detail = {
        "executionArn": report["execution_id"],
        "status": "TIMED_OUT",
        "input": json.dumps(report["event"]) if as_text else None,
        "inputDetails": {"included": as_text},
        "error": None,
        "cause": None,
    }
    failed = stage.play("record_failure", {"source": "aws.states", "detail": detail})
    assert failed["case_id"] == (case_id if as_text else None)
    assert stage.events.of("CaseFailed") == [failed]
