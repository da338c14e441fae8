"""The composition root: what the functions of one environment share, built on first use."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from redress.config import Config, read_config
from redress.identity.grants import Grants
from redress.ports import (
    ClientConnections,
    Clock,
    EventPublisher,
    PassageIndex,
    PublicKeys,
    Repository,
    ResolutionLibrary,
    Signer,
    TaskCallback,
    TaskStarter,
    TokenBroker,
)

if TYPE_CHECKING:
    import httpx
    from strands.models.model import Model as LanguageModel

    from redress.a2a.client import DomainAgents
    from redress.adapters.aws.knowledge_base import KnowledgeBase
    from redress.identity.broker import Broker
    from redress.identity.tokens import Verifier
    from redress.models.identity import Audience
    from redress.models.investigation import Passage
    from redress.policy.gate import PolicyGate


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return an aware UTC instant."""
        return datetime.now(UTC)


class Runtime:
    """The adapters of one environment.

    Built from `Config` for AWS; the local cloud and tests override parts by keyword. Nothing is
    imported or connected before it is used, so a function carries only what it needs.
    """

    def __init__(self, config: Config, **overrides: Any) -> None:
        self.config = config
        self.__dict__.update(overrides)

    @cached_property
    def clock(self) -> Clock:
        """The current time."""
        return SystemClock()

    @cached_property
    def orders(self) -> Repository:
        """Records of the orders domain."""
        return self._table(self.config.orders_table)

    @cached_property
    def payments(self) -> Repository:
        """Records of the payments domain."""
        return self._table(self.config.payments_table)

    @cached_property
    def inventory(self) -> Repository:
        """Records of the inventory domain."""
        return self._table(self.config.inventory_table)

    @cached_property
    def cases(self) -> Repository:
        """Case records and approvals."""
        return self._table(self.config.cases_table)

    @cached_property
    def grants(self) -> Grants:
        """What customers let the steps of the workflow do."""
        return Grants(self.cases, self.clock)

    @cached_property
    def tasks(self) -> Repository:
        """A2A tasks, and the ids of tokens that were used."""
        return self._table(self.config.tasks_table)

    @cached_property
    def clients(self) -> Repository:
        """WebSocket tickets and connections."""
        return self._table(self.config.clients_table)

    @cached_property
    def connections(self) -> ClientConnections:
        """The way to WebSocket clients."""
        from redress.adapters.aws.connections import ApiGatewayConnections

        return ApiGatewayConnections(self.config.connections_url)

    @cached_property
    def new_secret(self) -> Callable[[], str]:
        """Makes unguessable text of 43 letters, digits, `-` and `_`."""
        from secrets import token_urlsafe

        return lambda: token_urlsafe(32)

    @cached_property
    def publisher(self) -> EventPublisher:
        """The event bus."""
        from redress.adapters.aws.events import EventBridgePublisher

        return EventBridgePublisher(self.config.bus_name)

    @cached_property
    def callbacks(self) -> TaskCallback:
        """Answers to states that wait for a task token."""
        from redress.adapters.aws.callback import StepFunctionsCallback

        return StepFunctionsCallback()

    @cached_property
    def task_starter(self) -> TaskStarter:
        """Starts the work on A2A tasks."""
        from redress.adapters.aws.task_starter import StepFunctionsStarter

        return StepFunctionsStarter(self.config.run_task_arn)

    @cached_property
    def card_signer(self) -> Signer:
        """Signs agent cards, and knows by which key they must be signed."""
        from redress.adapters.aws.kms import KmsKey

        return KmsKey(self.config.card_key)

    @cached_property
    def agents(self) -> "DomainAgents":
        """The domains' agents, over A2A."""
        import httpx

        # Environment variables for proxies are no way to the agents, who are in the same stack.
        return self._agents(httpx.Client(trust_env=False), self.config.agents_url)

    @cached_property
    def passages(self) -> PassageIndex:
        """The policy's prose."""
        if self.config.knowledge_base_id:
            from redress.adapters.aws.knowledge_base import KnowledgeBasePolicy
            from redress.adapters.passages import read_passages

            passages = read_passages(self.config.policies_dir)
            return KnowledgeBasePolicy(self._knowledge_base(), passages)
        from redress.adapters.sqlite.passages import Bm25Passages

        return Bm25Passages.from_folder(self.config.policies_dir)

    @cached_property
    def policy(self) -> "Sequence[Passage]":
        """The sections of the policy, whole."""
        from redress.adapters.passages import read_passages

        return read_passages(self.config.policies_dir)

    @cached_property
    def resolutions(self) -> ResolutionLibrary:
        """How earlier cases were resolved."""
        if self.config.knowledge_base_id:
            from redress.adapters.aws.knowledge_base import KnowledgeBaseResolutions

            return KnowledgeBaseResolutions(self._knowledge_base())
        from redress.adapters.sqlite.resolutions import StoredResolutions

        return StoredResolutions(self.cases)

    @cached_property
    def gate(self) -> "PolicyGate":
        """The Cedar policies."""
        from redress.policy.gate import PolicyGate

        return PolicyGate.from_folder(self.config.policies_dir)

    @cached_property
    def model_factory(self) -> "Callable[[], LanguageModel]":
        """Makes the language model for one agent run."""
        from redress.agents.models.factory import model_factory

        return model_factory(self.config.model)

    def _agents(self, http: "httpx.Client", url: str) -> "DomainAgents":
        from redress.a2a.client import DomainAgents
        from redress.models.investigation import DOMAINS

        urls = {domain: f"{url}/a2a/{domain}" for domain in DOMAINS}
        return DomainAgents(urls, http, self.broker, self.card_signer)

    @cached_property
    def signer(self) -> Signer:
        """The key that signs tokens; who may only read its public half can only check them."""
        from redress.adapters.aws.kms import KmsKey

        return KmsKey(self.config.token_key)

    @cached_property
    def keys(self) -> PublicKeys:
        """The public keys of the tokens' issuer."""
        return self.signer

    def issuing(self, issuer: str) -> "Broker":
        """Return what issues tokens in the name of `issuer`: for the broker's own function."""
        from redress.identity.broker import Broker

        return Broker(
            grants=self.cases,
            used=self.tasks,
            signer=self.signer,
            clock=self.clock,
            new_id=self.new_secret,
            issuer=issuer,
        )

    @cached_property
    def broker(self) -> TokenBroker:
        """Where this workload gets tokens."""
        from redress.adapters.aws.token_exchange import HttpTokenBroker

        return HttpTokenBroker(self.config.token_url)

    def verifier(self, audience: "Audience") -> "Verifier":
        """Return who checks the tokens that are for `audience`."""
        from redress.identity.replay import ReplayGuard
        from redress.identity.tokens import Verifier

        replay = ReplayGuard(self.tasks, audience)
        return Verifier(self.keys, self.config.token_issuer, audience, self.clock, replay)

    def _knowledge_base(self) -> "KnowledgeBase":
        from redress.adapters.aws.knowledge_base import KnowledgeBase

        return KnowledgeBase(self.config.knowledge_base_id, self.config.data_source_id)

    def _table(self, name: str) -> Repository:
        from redress.adapters.aws.repository import DynamoDbRepository

        return DynamoDbRepository(name)


_current: ContextVar[Runtime | None] = ContextVar("redress_runtime", default=None)
_process_runtime: list[Runtime] = []


def runtime() -> Runtime:
    """Return the runtime of this call: the one set by `using`, else this process's own."""
    current = _current.get()
    if current is not None:
        return current
    if not _process_runtime:
        _process_runtime.append(Runtime(read_config()))
    return _process_runtime[0]


@contextmanager
def using(chosen: Runtime) -> Iterator[Runtime]:
    """Make `chosen` the runtime of all calls inside the block, in this thread and context."""
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)
