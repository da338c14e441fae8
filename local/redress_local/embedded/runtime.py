"""What a function of the local cloud is given: the parts that its environment variables name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from redress.adapters.memory.connections import MemoryConnections
from redress.config import read_config
from redress.errors import DependencyUnavailableError
from redress.ports import (
    ClientConnections,
    EventPublisher,
    PassageIndex,
    Repository,
    Signer,
    TaskStarter,
    TokenBroker,
)
from redress.runtime import Runtime

from redress_local.events.errors import EventsError
from redress_local.template import Function

if TYPE_CHECKING:
    import httpx
    from asl_engine import Engine
    from redress.a2a.client import DomainAgents
    from redress.adapters.local_keys import LocalKey
    from redress.adapters.sqlite.repository import SqliteStore
    from redress.models.investigation import Passage
    from redress.policy.gate import PolicyGate
    from strands.models.model import Model as LanguageModel

_LAYER = "/opt/"
_PAUSE = 0.01


class NotGrantedError(Exception):
    """A function asked for something that its environment does not name."""


class LocalClock:
    """The engine's clock as Redress reads it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return an aware UTC instant."""
        return datetime.fromtimestamp(self._now(), UTC)


class LocalPublisher:
    """An `EventPublisher` on one bus of the local cloud."""

    def __init__(self, put: Callable[[list[Mapping[str, Any]]], object], bus: str) -> None:
        self._put = put
        self._bus = bus

    def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put one event of source `redress`.

        Raises:
            DependencyUnavailableError: the bus did not accept it.
        """
        entry = {
            "EventBusName": self._bus,
            "Source": "redress",
            "DetailType": detail_type,
            "Detail": msgspec.to_builtins(detail),
        }
        try:
            self._put([entry])
        except EventsError as error:
            raise DependencyUnavailableError(
                f"{self._bus} refused {detail_type}: {error}"
            ) from error


class LocalCallback:
    """A `TaskCallback` on the engine of this process.

    Args:
        engine: Runs the waiting executions.
        may_come: Whether executions are being resumed, so that a token may yet become known.
    """

    def __init__(self, engine: Engine, may_come: Callable[[], bool]) -> None:
        self._engine = engine
        self._may_come = may_come

    def send_success(self, token: str, output: dict[str, Any]) -> bool:
        """Let the waiting state go on with `output`; False if nothing waits for the token now."""
        value = msgspec.to_builtins(output)
        return self._taken(lambda: self._engine.send_task_success(token, value))

    def send_failure(self, token: str, error: str, cause: str) -> bool:
        """Let the waiting state fail with `error`; False if nothing waits for the token now."""
        return self._taken(lambda: self._engine.send_task_failure(token, error, cause))

    def _taken(self, send: Callable[[], None]) -> bool:
        from asl_engine import TaskTokenError

        while True:
            may_come = self._may_come()
            try:
                send()
            except TaskTokenError:
                if not may_come:
                    return False
                time.sleep(_PAUSE)
            else:
                return True


class Parts:
    """What all functions of one local cloud share, made on first use.

    Args:
        records: The store of all tables.
        tables: The names of the template's tables.
        project: The folder of template.yaml: layers' contents are found there.
        model: A model specification.
        clock: Epoch seconds.
        put: Puts events on the bus.
    """

    def __init__(
        self,
        *,
        records: SqliteStore,
        tables: tuple[str, ...],
        project: Path,
        model: str,
        now: Callable[[], float],
        put: Callable[[list[Mapping[str, Any]]], object],
    ) -> None:
        self.repositories: dict[str, Repository] = {
            table: records.repository(table) for table in tables
        }
        self.project = project
        self.model = model
        self.clock = LocalClock(now)
        self.put = put
        self.engine: Engine | None = None
        self.may_come: Callable[[], bool] = lambda: False
        self.runtime_of: Callable[[str], Runtime] | None = None
        self.token_key_file: Path | None = None
        self.card_key_file: Path | None = None

    @property
    def policies(self) -> Path:
        """The policies' folder, which is a layer in AWS."""
        return self.project / "policies"

    @cached_property
    def passages(self) -> PassageIndex:
        """The policy's prose, indexed once."""
        return Runtime(read_config({"REDRESS_POLICIES_DIR": str(self.policies)})).passages

    @cached_property
    def policy(self) -> Sequence[Passage]:
        """The sections of the policy, read once."""
        return Runtime(read_config({"REDRESS_POLICIES_DIR": str(self.policies)})).policy

    @cached_property
    def gate(self) -> PolicyGate:
        """The Cedar policies, parsed once."""
        return Runtime(read_config({"REDRESS_POLICIES_DIR": str(self.policies)})).gate

    @cached_property
    def token_key(self) -> LocalKey:
        """Signs tokens; kept with the store, so that a token outlives a restart."""
        from redress.adapters.local_keys import LocalKey

        return LocalKey(self.token_key_file)

    @cached_property
    def card_key(self) -> LocalKey:
        """Signs agent cards, and nothing else."""
        from redress.adapters.local_keys import LocalKey

        # In a file it is one key, whichever thread comes first.
        return LocalKey(self.card_key_file)

    @cached_property
    def agents_http(self) -> httpx.Client:
        """Reaches the agents' apps in this process."""
        from redress_local.embedded.agents import agents_http

        assert self.runtime_of is not None
        return agents_http(self.runtime_of)

    @cached_property
    def model_factory(self) -> Callable[[], LanguageModel]:
        """Makes the language model."""
        from redress.agents.models.factory import model_factory

        return model_factory(self.model)


class LocalRuntime(Runtime):
    """A `Runtime` that holds what the function's environment names, and nothing else."""

    def __init__(self, function: Function, parts: Parts) -> None:
        local = {
            # What lies in a layer in AWS lies in the project, or in the user's cache, here.
            key: "" if value.startswith(_LAYER) else value
            for key, value in function.environment.items()
        }
        super().__init__(read_config(local), clock=parts.clock)
        self._function = function
        self._parts = parts

    @cached_property
    def publisher(self) -> EventPublisher:
        """The event bus."""
        self._needs("REDRESS_BUS_NAME")
        return LocalPublisher(self._parts.put, self.config.bus_name)

    @cached_property
    def callbacks(self) -> LocalCallback:
        """Answers to states that wait for a task token."""
        assert self._parts.engine is not None
        return LocalCallback(self._parts.engine, self._parts.may_come)

    @cached_property
    def task_starter(self) -> TaskStarter:
        """Starts the work on A2A tasks."""
        from redress_local.embedded.agents import LocalStarter

        self._needs("REDRESS_RUN_TASK_ARN")
        assert self._parts.engine is not None
        return LocalStarter(self._parts.engine, self.config.run_task_arn)

    @cached_property
    def signer(self) -> Signer:
        """The key that signs tokens, and by whose public half they are checked."""
        self._needs("REDRESS_TOKEN_KEY")
        return self._parts.token_key

    @cached_property
    def broker(self) -> TokenBroker:
        """Where this workload gets tokens: the broker's own function, in this process."""
        from redress_local.embedded.tokens import LocalBroker

        self._needs("REDRESS_TOKEN_URL")
        assert self._parts.runtime_of is not None
        return LocalBroker(self._function, self._parts.runtime_of, self.config.token_url)

    @cached_property
    def card_signer(self) -> Signer:
        """Signs agent cards, and knows by which key they must be signed."""
        self._needs("REDRESS_CARD_KEY")
        return self._parts.card_key

    @cached_property
    def agents(self) -> DomainAgents:
        """The domains' agents, over A2A in this process."""
        from redress_local.embedded.agents import AGENTS_URL

        self._needs("REDRESS_AGENTS_URL")
        return self._agents(self._parts.agents_http, AGENTS_URL)

    @cached_property
    def connections(self) -> ClientConnections:
        """The way to WebSocket clients; nobody can connect to this process."""
        self._needs("REDRESS_CONNECTIONS_URL")
        return MemoryConnections()

    @cached_property
    def passages(self) -> PassageIndex:
        """The policy's prose."""
        self._needs("REDRESS_POLICIES_DIR")
        return self._parts.passages

    @cached_property
    def policy(self) -> Sequence[Passage]:
        """The sections of the policy, whole."""
        self._needs("REDRESS_POLICIES_DIR")
        return self._parts.policy

    @cached_property
    def gate(self) -> PolicyGate:
        """The Cedar policies."""
        self._needs("REDRESS_POLICIES_DIR")
        return self._parts.gate

    @cached_property
    def model_factory(self) -> Callable[[], LanguageModel]:
        """Makes the language model for one agent run."""
        self._needs("REDRESS_MODEL")
        return self._parts.model_factory

    def _table(self, name: str) -> Repository:
        try:
            return self._parts.repositories[name]
        except KeyError:
            raise NotGrantedError(
                f"{self._function.logical_id} has no right to table {name!r}: name it in its"
                " environment in template.yaml"
            ) from None

    def _needs(self, variable: str) -> None:
        if not self._function.environment.get(variable):
            raise NotGrantedError(
                f"{self._function.logical_id} lacks {variable} in its environment in template.yaml"
            )
