"""Asking other domains' agents by A2A, in the user's name: what is asked once is done once."""

import contextvars
import hashlib
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import httpx
import msgspec

from redress.a2a.breaker import CircuitBreaker
from redress.a2a.trusted_card import TrustedCard
from redress.a2a.wire import (
    JSON,
    REPORT_ARTIFACT,
    STATES,
    VERSION,
    VERSION_HEADER,
    data_part,
    whole_numbers,
)
from redress.errors import (
    AccessDeniedError,
    AgentUnavailableError,
    InvalidInputError,
    RedressError,
)
from redress.identity.scopes import READ_SCOPE, audience
from redress.models.agents import AgentQuestion
from redress.models.base import dump, dump_json, parse
from redress.models.case import SupportCase
from redress.models.identity import ExchangeRequest, Workload
from redress.models.investigation import DomainName, DomainReport
from redress.ports import PublicKeys, TokenBroker

REQUEST_SECONDS: Final = 27.0
"""A little more than an agent may keep a call waiting."""
ATTEMPTS: Final = 3
PATIENCE: Final = 90.0
"""Seconds after which an agent that has not reported is given up."""
MAX_ANSWER: Final = 1024 * 1024

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
_INTERNAL: Final = -32603
_OVER: Final = frozenset(
    {STATES["completed"], STATES["failed"], STATES["canceled"], "TASK_STATE_REJECTED"}
)


class _NoAnswerError(Exception):
    """One attempt failed in a way that another one may not."""


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Status(msgspec.Struct):
    state: str


class _Task(msgspec.Struct):
    id: str
    status: _Status
    artifacts: list[dict[str, Any]] = []


class _Sent(msgspec.Struct):
    task: _Task


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _Agent(msgspec.Struct, frozen=True):
    card: TrustedCard
    breaker: CircuitBreaker


class DomainAgents:
    """The agents of the domains, as one process sees them; safe to use from several threads.

    Args:
        urls: Each agent's base URL, e.g. `https://api.example/a2a/orders`.
        http: The process's one HTTP client: making one costs more than many messages do.
        broker: Gives a token for each call.
        keys: Of those whose agent cards are believed.
        workload: Who asks.
        patience: Seconds after which an agent that has not reported is given up.
        now: Monotonic seconds.
        sleep: Waits that many seconds.
        jitter: Draws from [0, 1).
    """

    def __init__(
        self,
        urls: Mapping[DomainName, str],
        http: httpx.Client,
        broker: TokenBroker,
        keys: PublicKeys,
        *,
        workload: Workload = "orchestrator",
        patience: float = PATIENCE,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._broker = broker
        self._workload: Workload = workload
        self._patience = patience
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._agents = {
            domain: _Agent(TrustedCard(url, http, keys, now), CircuitBreaker(now))
            for domain, url in urls.items()
        }

    def ask(
        self,
        domain: DomainName,
        case: SupportCase,
        question: str,
        grant_id: str,
        *,
        turn: str = "",
    ) -> DomainReport:
        """Ask a domain's agent and wait for its report.

        The same question about the same case is the same task: asking again, after a crash too,
        returns the same report, unless `turn` differs.

        Raises:
            AgentUnavailableError: the agent did not answer in time, has not for a while, is not
                whom we trust, or failed.
            AccessDeniedError: the user does not let the caller ask this domain.
            DependencyUnavailableError: no token was to be had.
        """
        agent = self._agents.get(domain)
        if agent is None:
            raise AgentUnavailableError(f"no agent of {domain} is known")
        deadline = self._now() + self._patience
        message = _message(domain, case, question, turn)

        def call(method: str, params: dict[str, Any]) -> bytes:
            return self._call(domain, agent, (method, params), (case.case_id, grant_id), deadline)

        sent = call("SendMessage", {"message": message, "configuration": _CONFIGURATION})
        task = _decoded(_Sent, sent).task
        pause = _FIRST_PAUSE
        while task.status.state not in _OVER:
            if self._now() + pause >= deadline:
                raise AgentUnavailableError(f"the agent of {domain} has not reported in time")
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            task = _decoded(_Task, call("GetTask", {"id": task.id, "historyLength": 0}))
        return _report(domain, task)

    def ask_all(
        self,
        questions: Mapping[DomainName, str],
        case: SupportCase,
        grant_id: str,
        *,
        turn: str = "",
    ) -> dict[DomainName, DomainReport | RedressError]:
        """Ask several domains at once; an error in place of a report is what `ask` raised."""

        def one(domain: DomainName) -> DomainReport | RedressError:
            try:
                return self.ask(domain, case, questions[domain], grant_id, turn=turn)
            except RedressError as error:
                return error

        if len(questions) < 2:
            return {domain: one(domain) for domain in questions}
        with ThreadPoolExecutor(len(questions), "a2a") as pool:
            asked = {
                domain: pool.submit(contextvars.copy_context().run, one, domain)
                for domain in questions
            }
            return {domain: future.result() for domain, future in asked.items()}

    def _call(
        self,
        domain: DomainName,
        agent: _Agent,
        request: tuple[str, dict[str, Any]],
        on: tuple[str, str],
        deadline: float,
    ) -> bytes:
        """Call a method until it answers, at most `ATTEMPTS` times; returns its result."""
        problem: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                # Full jitter: those who failed together must not come back together.
                self._sleep(self._jitter() * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt))
            if self._now() >= deadline or not agent.breaker.allows():
                break
            try:
                result = self._attempt(agent, request, self._token(domain, *on), deadline)
            except (_NoAnswerError, httpx.HTTPError) as error:
                problem = error
                agent.breaker.failed()
                continue
            agent.breaker.succeeded()
            return result
        raise AgentUnavailableError(f"the agent of {domain} does not answer") from problem

    def _token(self, domain: DomainName, case_id: str, grant_id: str) -> str:
        """Get a token for one call: it works once."""
        request = ExchangeRequest(
            workload=self._workload,
            audience=audience(domain, "agent"),
            scope=(READ_SCOPE[domain],),
            case_id=case_id,
            grant_id=grant_id,
        )
        return self._broker.exchange(request).access_token

    def _attempt(
        self, agent: _Agent, request: tuple[str, dict[str, Any]], token: str, deadline: float
    ) -> bytes:
        method, params = request
        answer = self._http.post(
            agent.card.endpoint(),
            content=dump_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": JSON,
                VERSION_HEADER: VERSION,
            },
            timeout=httpx.Timeout(
                min(REQUEST_SECONDS, max(0.1, deadline - self._now())), connect=3
            ),
        )
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise AccessDeniedError("the agent does not let the caller do this")
        if answer.status_code != httpx.codes.OK or len(answer.content) > MAX_ANSWER:
            raise _NoAnswerError(f"HTTP {answer.status_code}")
        try:
            read = msgspec.json.decode(answer.content, type=_Answer)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _NoAnswerError("no JSON-RPC") from error
        if read.error is not None:
            if read.error.code == _INTERNAL:
                raise _NoAnswerError(read.error.message)
            raise AgentUnavailableError(f"the agent refuses: {read.error.message[:300]}")
        return bytes(read.result)


_CONFIGURATION: Final = {"acceptedOutputModes": [JSON], "historyLength": 0}


def _message(domain: DomainName, case: SupportCase, question: str, turn: str) -> dict[str, Any]:
    """Build the message; its id says what is asked, so that an agent does it once."""
    facts = dump(case)
    # The grant is the caller's; the agent gets one of its own, by the token.
    facts.pop("grant_id", None)
    asked = parse(AgentQuestion, {"case": facts, "question": question})
    said = dump_json([domain, facts, question, turn])
    return {
        "messageId": f"msg-{hashlib.sha256(said).hexdigest()[:40]}",
        "role": "ROLE_USER",
        "parts": [data_part(asked)],
    }


def _decoded(kind: type[T], text: bytes) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AgentUnavailableError(f"the agent's answer is no A2A: {error}") from error


def _report(domain: DomainName, task: _Task) -> DomainReport:
    if task.status.state != STATES["completed"]:
        raise AgentUnavailableError(f"the agent of {domain} ended with {task.status.state}")
    for artifact in task.artifacts:
        for part in artifact.get("parts") or ():
            if artifact.get("name") == REPORT_ARTIFACT and "data" in part:
                report = _parsed(domain, part["data"])
                if _is_of(domain, report):
                    return report
    raise AgentUnavailableError(f"the agent of {domain} completed without a report")


def _is_of(domain: DomainName, report: DomainReport) -> bool:
    """Whether a report speaks of its own domain only: nobody vouches for another's facts."""
    bundle, begin = report.evidence, f"{domain}/"
    names = [*(item.evidence_id for item in bundle.items), *bundle.missing]
    domains = {report.domain, bundle.domain, *(item.domain for item in bundle.items)}
    return domains == {domain} and all(name.startswith(begin) for name in names)


def _parsed(domain: DomainName, value: Any) -> DomainReport:
    try:
        return parse(DomainReport, whole_numbers(value))
    except InvalidInputError as error:
        raise AgentUnavailableError(
            f"the report of {domain} breaks its contract: {error}"
        ) from error
