"""The client: tokens, retries, patience, and what it does not believe."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from a2a_world import AGENTS, BASE, A2AWorld, report_of
from grant_world import granted
from redress.a2a.client import ATTEMPTS, DomainAgents
from redress.a2a.trusted_card import FRESH_SECONDS
from redress.adapters.local_keys import LocalKey
from redress.errors import AccessDeniedError, AgentUnavailableError, DependencyUnavailableError
from redress.models.agents import AgentTask
from redress.models.identity import ExchangeRequest, IssuedToken

CARD = "/.well-known/agent-card.json"


class Time:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


Answer = Callable[[httpx.Request], httpx.Response | None]


class Between(httpx.BaseTransport):
    """Stands before the servers: counts, and answers in their place where it is told to."""

    def __init__(self, world: A2AWorld) -> None:
        self.inner = world.transport
        self.requests: list[httpx.Request] = []
        self.answer: Answer = lambda request: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request) or self.inner.handle_request(request)

    def sent(self, method: str) -> list[httpx.Request]:
        return [r for r in self.requests if r.method == "POST" and method in r.content.decode()]

    def cards(self) -> int:
        return sum(r.url.path.endswith(CARD) for r in self.requests)


class Net:
    def __init__(self, **options: Any) -> None:
        self.world = A2AWorld()
        self.between = Between(self.world)
        self.time = Time()
        self.agents = self.client(**options)

    def client(self, **options: Any) -> DomainAgents:
        return DomainAgents(
            {domain: f"{BASE}/a2a/{domain}" for domain in AGENTS},
            httpx.Client(transport=self.between),
            options.pop("broker", self.world.broker),
            options.pop("keys", self.world.card_key),
            now=self.time,
            sleep=self.time.sleep,
            jitter=lambda: 1.0,
            **options,
        )

    def ask(self, case: Any = None, question: str = "What?", **more: Any) -> Any:
        case = case or self.world.case()
        return self.agents.ask(more.pop("domain", "orders"), case, question, case.grant_id, **more)


@pytest.fixture
def net() -> Net:
    return Net()


def rpc(**answer: Any) -> httpx.Response:
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, **answer})


def test_the_report_comes_back_as_it_was(net: Net) -> None:
    assert net.ask() == report_of("orders")


def test_the_callers_grant_stays_with_the_caller(net: Net) -> None:
    case = net.world.case()
    net.ask(case)
    (sent,) = net.between.sent("SendMessage")
    assert case.grant_id not in sent.content.decode()


def test_each_call_has_a_token_of_its_own(net: Net) -> None:
    for _ in range(3):
        net.ask()
    tokens = [r.headers["authorization"] for r in net.between.sent("SendMessage")]
    assert len(set(tokens)) == 3


def test_the_same_question_is_one_task_and_a_new_turn_another(net: Net) -> None:
    case = net.world.case()
    for _ in range(2):
        net.ask(case)
    assert len(net.world.starter.started) == 1
    net.ask(case, turn="2")
    net.ask(case, "What else?")
    assert len(net.world.starter.started) == 3


def test_a_card_is_fetched_once_and_then_asked_about(net: Net) -> None:
    net.ask()
    net.ask()
    assert net.between.cards() == 1
    net.time.now += FRESH_SECONDS + 1
    net.ask()
    (_, again) = (r for r in net.between.requests if r.url.path.endswith(CARD))
    assert again.headers["if-none-match"].startswith('W/"')


def test_a_known_card_outlives_its_server(net: Net) -> None:
    net.ask()
    net.time.now += FRESH_SECONDS + 1
    net.between.answer = lambda r: httpx.Response(503) if r.url.path.endswith(CARD) else None
    net.ask()


def test_a_card_of_nobody_we_trust(net: Net) -> None:
    net.agents = net.client(keys=LocalKey())
    with pytest.raises(AgentUnavailableError, match="not trusted"):
        net.ask()
    assert net.between.sent("SendMessage") == []


def test_a_card_that_leads_elsewhere_gets_no_token(net: Net) -> None:
    """It is signed by whom we trust, for another address than we asked at."""
    other = net.world.http.get(f"http://elsewhere.example/a2a/orders{CARD}")
    net.between.answer = lambda r: (
        httpx.Response(200, content=other.content) if r.url.path.endswith(CARD) else None
    )
    with pytest.raises(AgentUnavailableError, match="offers no JSON-RPC"):
        net.ask()
    assert net.between.sent("SendMessage") == []


@pytest.mark.parametrize(
    "card",
    [
        httpx.Response(404),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"[" * 10_000),
        httpx.Response(200, json=[1]),
        httpx.Response(200, content=b" " * 300_000),
        httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
    ],
)
def test_what_is_no_card(net: Net, card: httpx.Response) -> None:
    net.between.answer = lambda r: card if r.url.path.endswith(CARD) else None
    with pytest.raises(AgentUnavailableError):
        net.ask()


def failing(times: int, failure: Callable[[], httpx.Response]) -> Answer:
    left = iter(range(times))

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and next(left, None) is not None:
            return failure()
        return None

    return answer


def broken() -> httpx.Response:
    raise httpx.ConnectError("refused")


def slow() -> httpx.Response:
    raise httpx.ReadTimeout("slow")


FAILURES: dict[str, Callable[[], httpx.Response]] = {
    "refused": broken,
    "slow": slow,
    "bad gateway": lambda: httpx.Response(502),
    "throttled": lambda: httpx.Response(429),
    "token used": lambda: httpx.Response(401),
    "no json": lambda: httpx.Response(200, content=b"<html>"),
    "no rpc": lambda: httpx.Response(200, json=[1]),
    "internal": lambda: rpc(error={"code": -32603, "message": "try again later"}),
    "huge": lambda: httpx.Response(200, content=b" " * 2_000_000),
}


@pytest.mark.parametrize("which", sorted(FAILURES))
def test_what_may_pass_is_tried_again(net: Net, which: str) -> None:
    net.between.answer = failing(ATTEMPTS - 1, FAILURES[which])
    assert net.ask().domain == "orders"
    assert len(net.between.sent("SendMessage")) == ATTEMPTS
    # Each time with a new token, after longer pauses, and as the same task.
    tokens = {r.headers["authorization"] for r in net.between.sent("SendMessage")}
    assert len(tokens) == ATTEMPTS
    assert net.time.slept == sorted(net.time.slept)
    assert len(net.world.starter.started) == 1


@pytest.mark.parametrize("which", sorted(FAILURES))
def test_what_does_not_pass_is_given_up(net: Net, which: str) -> None:
    net.between.answer = failing(1_000, FAILURES[which])
    with pytest.raises(AgentUnavailableError):
        net.ask()
    assert len(net.between.sent("SendMessage")) == ATTEMPTS


def test_an_answer_that_got_lost_is_asked_for_again(net: Net) -> None:
    """The message arrived, the answer did not: the second try finds the task."""
    lost = iter([True])

    def lose(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and next(lost, False):
            net.between.inner.handle_request(request)
            raise httpx.ReadTimeout("lost")
        return None

    net.between.answer = lose
    assert net.ask().domain == "orders"
    assert len(net.world.starter.started) == 1


def test_refusals_are_not_repeated(net: Net) -> None:
    net.between.answer = failing(9, lambda: rpc(error={"code": -32602, "message": "no\x1b[31m"}))
    with pytest.raises(AgentUnavailableError, match="refuses"):
        net.ask()
    assert len(net.between.sent("SendMessage")) == 1
    net.between.answer = failing(9, lambda: httpx.Response(403))
    with pytest.raises(AccessDeniedError):
        net.ask()


def test_what_the_user_does_not_allow_is_not_asked(net: Net) -> None:
    case = net.world.case()
    narrow = msgspec.structs.replace(case, grant_id="grant.narrow")
    granted(narrow, scopes=("payments:read",), repository=net.world.grants)
    with pytest.raises(AccessDeniedError):
        net.ask(narrow)
    assert net.between.sent("SendMessage") == []
    assert net.ask(narrow, domain="payments").domain == "payments"


def test_no_token_no_call(net: Net) -> None:
    class Silent:
        def exchange(self, request: ExchangeRequest) -> IssuedToken:
            raise DependencyUnavailableError("the broker is away")

    net.agents = net.client(broker=Silent())
    with pytest.raises(DependencyUnavailableError):
        net.ask()


def test_a_dead_agent_is_left_alone_for_a_while(net: Net) -> None:
    net.between.answer = failing(1_000, broken)
    for _ in range(4):
        with pytest.raises(AgentUnavailableError):
            net.ask()
    tried = len(net.between.sent("SendMessage"))
    assert tried == 5
    # Others are not blamed for it.
    net.between.answer = lambda r: None
    assert net.ask(domain="payments").domain == "payments"
    with pytest.raises(AgentUnavailableError):
        net.ask()
    net.time.now += 31
    assert net.ask().domain == "orders"
    assert net.ask().domain == "orders"


def test_a_slow_task_is_waited_for(net: Net) -> None:
    looks = iter(range(3))
    work: list[AgentTask] = []
    net.world.starter.act = work.append

    def end_later(request: httpx.Request) -> None:
        if b"GetTask" in request.content and next(looks, None) is None:
            net.world.complete(work[0])

    net.between.answer = end_later
    assert net.ask().domain == "orders"
    assert len(net.between.sent("GetTask")) == 4


def test_patience_ends(net: Net) -> None:
    net.world.starter.act = lambda task: None
    net.agents = net.client(patience=5.0)
    with pytest.raises(AgentUnavailableError, match="in time"):
        net.ask()
    assert net.time.now <= 5.0


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_a_task_that_failed(net: Net, end: str) -> None:
    def act(task: AgentTask) -> None:
        if end == "failed":
            net.world.store.end(task.task_id, failure="the agent failed")
        else:
            found = net.world.store.find(task.task_id)
            assert found is not None
            net.world.store.move(found, "canceled")

    net.world.starter.act = act
    with pytest.raises(AgentUnavailableError, match=f"TASK_STATE_{end.upper()}"):
        net.ask()


def completed(*artifacts: Any) -> httpx.Response:
    status = {"state": "TASK_STATE_COMPLETED"}
    return rpc(result={"task": {"id": "t", "status": status, "artifacts": list(artifacts)}})


def artifact(data: Any, name: str = "report") -> dict[str, Any]:
    return {"artifactId": "a", "name": name, "parts": [{"data": data}]}


REPORT = {"domain": "orders", "evidence": {"domain": "orders", "items": []}}


@pytest.mark.parametrize(
    "answer",
    [
        completed(),
        completed(artifact(REPORT, "other")),
        completed(artifact({**REPORT, "domain": "payments"})),
        completed(artifact({**REPORT, "evidence": {"domain": "payments", "items": []}})),
        completed(artifact({**REPORT, "amount": 5})),
        completed(artifact("all is well")),
        completed({"artifactId": "a", "name": "report"}),
        completed({"artifactId": "a", "name": "report", "parts": [{"text": "hi"}]}),
        rpc(result={"task": {"id": "t"}}),
        rpc(result={"message": {"parts": []}}),
        rpc(result=7),
        rpc(),
    ],
)
def test_what_is_no_report(net: Net, answer: httpx.Response) -> None:
    net.between.answer = lambda r: answer if r.method == "POST" else None
    with pytest.raises(AgentUnavailableError):
        net.ask()


def test_evidence_of_another_domain_is_not_taken(net: Net) -> None:
    item = {"evidence_id": "payments/1", "domain": "payments", "summary": "", "facts": {}}
    foreign = {**REPORT, "evidence": {"domain": "orders", "items": [item]}}
    net.between.answer = lambda r: completed(artifact(foreign)) if r.method == "POST" else None
    with pytest.raises(AgentUnavailableError):
        net.ask()


def test_several_are_asked_at_once(net: Net) -> None:
    case = net.world.case()
    together = threading.Barrier(3, timeout=10)

    def wait(request: httpx.Request) -> None:
        if request.method == "POST":
            together.wait()

    net.between.answer = wait
    questions = dict.fromkeys(AGENTS, "What?")
    reports = net.agents.ask_all(questions, case, case.grant_id)
    assert {domain: r.domain for domain, r in reports.items()} == {d: d for d in AGENTS}  # type: ignore[union-attr]


def test_one_that_fails_does_not_spoil_the_others(net: Net) -> None:
    case = net.world.case()

    def dead(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(503) if request.url.path == "/a2a/payments" else None

    net.between.answer = dead
    reports = net.agents.ask_all(dict.fromkeys(AGENTS, "What?"), case, case.grant_id)
    assert isinstance(reports["payments"], AgentUnavailableError)
    assert reports["orders"].domain == "orders"  # type: ignore[union-attr]
