"""The whole of Redress in one process: engine, bus, functions and tables over one folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from asl_engine import (
    Engine,
    Execution,
    SqliteJournal,
    SystemClock,
    compile_machine,
    load_definition,
)

from redress_local.embedded.functions import FunctionHost
from redress_local.embedded.runtime import LocalRuntime, Parts
from redress_local.embedded.seeding import seed
from redress_local.embedded.settling import Settling
from redress_local.embedded.store import (
    CommitCounter,
    CountedStore,
    OnCommit,
    StoreFolder,
)
from redress_local.embedded.targets import embedded_targets, without_client_news
from redress_local.embedded.tasks import Tasks
from redress_local.embedded.watch import ExecutionWatch
from redress_local.events.bus import EventBus
from redress_local.events.entries import delivery_name
from redress_local.events.store import EventStore
from redress_local.project import find_project, local_template
from redress_local.template import Template

if TYPE_CHECKING:
    from asl_engine.clock import Clock
    from redress.ports import Repository

    from redress_local.shop.document import Shop

_WITHOUT_AGENTS = frozenset({"evidence-first", "monolith"})
_DOMAIN_AGENTS = frozenset(
    {"RunOrdersAgentFunction", "RunPaymentsAgentFunction", "RunInventoryAgentFunction"}
)
ANSWER_FUNCTION = "AnswerApprovalFunction"
# How long the engine may take after a restart until it knows the tokens that tasks wait on.
_REVIVAL_SECONDS = 5.0


class EmbeddedCloud:
    """A local cloud on a store; made by `open`.

    Attributes:
        template: What the cloud was made from.
        engine: Runs the state machines.
        bus: Takes events.
        host: Runs the functions.
        tables: A repository for each table of the template, by name.
    """

    template: Template
    engine: Engine
    bus: EventBus
    host: FunctionHost

    def __init__(
        self,
        folder: StoreFolder,
        *,
        project: Path,
        model: str,
        clock: Clock,
        workers: int,
        durable: bool,
        on_commit: OnCommit | None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.commits = CommitCounter(on_commit)
        self.template = local_template(project)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        synchronous: Any = "FULL" if durable else "NORMAL"
        self._records = CountedStore(folder.records, synchronous, self.commits)
        self._events = CountedStore(folder.events, synchronous, self.commits)
        self._journal = SqliteJournal(folder.journal)
        self._journal.on_commit = self.commits
        self._parts = Parts(
            records=self._records,
            tables=self.template.tables,
            project=project,
            model=model,
            now=clock.now,
            put=self._put,
        )
        self.tables: dict[str, Repository] = self._parts.repositories
        self.host = FunctionHost(
            self.template.functions, lambda function: LocalRuntime(function, self._parts)
        )
        self._parts.runtime_of = self.host.runtime_of
        self._parts.token_key_file = folder.path / "token-key.pem"
        self._parts.card_key_file = folder.path / "card-key.pem"
        self._tasks = Tasks(self.host)
        self.engine = Engine(
            journal=self._journal,
            lambda_invoker=self._tasks.invoke,
            lambda_caller=self._tasks.call,
            events=self._tasks.put_events,
            clock=clock,
            max_workers=workers,
        )
        self._parts.engine = self.engine
        self._parts.may_come = lambda: time.monotonic() < self._reviving_until
        self._reviving_until = 0.0
        for machine in self.template.machines.values():
            self.engine.register(
                compile_machine(
                    load_definition(machine.definition),
                    name=machine.name,
                    arn=machine.arn,
                    substitutions=machine.substitutions,
                )
            )
        sender = embedded_targets(
            self.engine, self.invoke, self.template, folder.journal if durable else None
        )
        served = without_client_news(self.template)
        self.bus = EventBus(served, EventStore(self._events), sender, now=clock.now)
        self._tasks.bus = self.bus
        self._inline = workers == 0
        self._watch = ExecutionWatch(self.engine, self.bus, inline=self._inline)
        self._settling = Settling(self.engine, self.bus, self._watch, clock, inline=self._inline)

    @classmethod
    def open(
        cls,
        store: Path | None,
        *,
        shop: Shop | None = None,
        model: str = "playbook",
        clock: Clock | None = None,
        workers: int = 8,
        durable: bool = True,
        on_commit: OnCommit | None = None,
        project: Path | None = None,
        lock_seconds: float = 10.0,
    ) -> EmbeddedCloud:
        """Open a store, or make one and seed it with a shop.

        Args:
            store: The folder; None for a temporary one that goes away with `close`.
            shop: What to seed a new store with: the example shop when left out. An existing
                store must have been seeded with the same one.
            model: A model specification (see `redress.agents.models.factory`).
            clock: Time, for engine, bus and functions.
            workers: Threads of the engine; 0 runs everything in the thread that waits, in a
                fixed order.
            durable: Whether commits survive a power cut; they always survive the process.
            on_commit: Called after every durable commit of any part, with their number so far.
            project: The folder of template.yaml.
            lock_seconds: How long to wait for another process that works in the store.

        Raises:
            StoreError: The folder cannot be used, or is in use.
            ForeignShopError: The store was seeded with another shop.
            TemplateError, InvalidDefinitionError: The project is broken.
        """
        temporary = None
        if store is None:
            temporary = tempfile.TemporaryDirectory(prefix="redress-")
            store = Path(temporary.name)
        folder = StoreFolder(store, wait_seconds=lock_seconds)
        try:
            cloud = cls(
                folder,
                project=project or find_project(),
                model=model,
                clock=clock or SystemClock(),
                workers=workers,
                durable=durable,
                on_commit=on_commit,
            )
            cloud._temporary = temporary
            seed(folder, shop, cloud.domain)
        except BaseException:
            folder.close()
            raise
        return cloud

    def domain(self, name: str) -> Repository:
        """The repository that functions reach by `REDRESS_<NAME>_TABLE`."""
        variable = f"REDRESS_{name.upper()}_TABLE"
        for function in self.template.functions.values():
            if variable in function.environment:
                return self.tables[function.environment[variable]]
        raise KeyError(f"no function of the template has {variable}")

    @property
    def case_bus(self) -> str:
        """The bus that Redress itself publishes to and takes cases from."""
        names = (f.environment.get("REDRESS_BUS_NAME") for f in self.template.functions.values())
        return next(name for name in names if name)

    @property
    def task_machine(self) -> str:
        """ARN of the machine that does A2A tasks."""
        variable = "REDRESS_RUN_TASK_ARN"
        found = (f.environment.get(variable) for f in self.template.functions.values())
        return next(arn for arn in found if arn)

    @property
    def default_pattern(self) -> str:
        """How a case is investigated that does not say."""
        variable = "REDRESS_DEFAULT_PATTERN"
        found = (f.environment.get(variable) for f in self.template.functions.values())
        return next(name for name in found if name)

    @property
    def present(self) -> str:
        """The shop's own present: the time of an event that does not say."""
        assert self.folder.info is not None
        return self.folder.info.shop_as_of

    # Functions and events

    def invoke(self, function: str, payload: bytes) -> bytes:
        """Call a function by name, ARN or logical id with JSON; returns its JSON answer."""
        return self._tasks.invoke(function, payload)

    def put(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Put events on their buses, as PutEvents takes them; returns their ids.

        Raises:
            EventsError: An entry is no event, or its bus does not exist.
        """
        return self.bus.put(entries)

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        return self.bus.put(entries)

    def answer(self, answer: Mapping[str, Any]) -> Any:
        """Give a human's answer: `{case_id, decision, approver, comment, proposal_hash}`.

        The same answer again changes nothing.

        Raises:
            RedressError: Nothing waits for it.
        """
        fields = ("case_id", "decision", "approver", "comment", "proposal_hash")
        given = {field: answer[field] for field in fields if field in answer}
        return msgspec.json.decode(self.invoke(ANSWER_FUNCTION, msgspec.json.encode(given)))

    def warm(self, pattern: str | None = None) -> None:
        """Import functions now, as Lambda does before it takes a first event.

        Args:
            pattern: Only what cases of this pattern run, which most need no MCP and A2A for;
                every function without it.
        """
        if pattern in _WITHOUT_AGENTS:
            self.host.load(self._run_without_agents())
        else:
            self.host.load_all()

    def _run_without_agents(self) -> set[str]:
        """The functions of all machines but those that run the domains' agents."""
        reached = [
            set(machine.substitutions.values()) for machine in self.template.machines.values()
        ]
        agents = {f.arn for f in self.template.functions.values() if f.logical_id in _DOMAIN_AGENTS}
        return set[str]().union(*(found for found in reached if not found & agents))

    def executions_of(self, event_id: str, replay: str = "") -> list[str]:
        """The ARNs of the executions that an event starts where its rules match it."""
        event = {"id": event_id, "replay-name": replay}
        return [
            f"{target.arn.replace(':stateMachine:', ':execution:')}:"
            f"{delivery_name(event, rule.name, target.target_id)}"
            for rule in self.template.rules
            for target in rule.targets
            if target.arn in self.template.machines
        ]

    # What goes on

    def is_waiting(self, arn: str) -> bool:
        """Whether an execution waits for an answer from outside."""
        return self._watch.is_waiting(arn)

    def settle(self, arn: str, timeout: float = 3600.0) -> Execution:
        """Wait until an execution is over or waits for a human; returns it as it is then.

        Args:
            arn: The execution.
            timeout: Seconds to wait at most.
        """
        return self._settling.settle(arn, timeout)

    def drain(self, timeout: float = 600.0) -> None:
        """Finish all that can be finished: executions, and deliveries that are due.

        What waits for a human stays.
        """
        self._settling.drain(timeout)

    def resume(self) -> list[str]:
        """Go on with everything that a dead process left behind.

        Returns:
            The executions that run again.
        """
        any_waits = self._watch.remember_waiting()
        resumed = self.engine.resume()
        if self._inline:
            for arn in resumed:
                self.engine.wait(arn, timeout=0.0)
        elif any_waits:
            self._reviving_until = time.monotonic() + _REVIVAL_SECONDS
        self._watch.tell_forgotten_ends()
        self.bus.deliver_due()
        self._repeat_answers()
        return resumed

    def _repeat_answers(self) -> None:
        """Pass on the answers that were kept, but not passed on before the process died."""
        from redress.models.base import parse_json
        from redress.models.case import CaseRecord
        from redress.steps.case_records import CASE, find_approval, status_index

        cases = self.domain("cases")
        for record in cases.by_index(status_index("open")):
            if record.sort != CASE:
                continue
            case = parse_json(CaseRecord, record.document)
            stored = find_approval(cases, case.case_id)
            if self.is_waiting(case.owner) and stored and stored.request.answer:
                self.answer(msgspec.to_builtins(stored.request.answer))

    def close(self) -> None:
        """Stop; what runs stays in the store for the next process."""
        self.engine.close()
        self._journal.close()
        self._records.close()
        self._events.close()
        self.folder.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
