"""The whole of Redress in one process: engine, bus, functions and tables over one folder."""

from __future__ import annotations

import hashlib
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
    TaskError,
    compile_machine,
    load_definition,
)

from redress_local.embedded.functions import (
    FunctionHost,
    FunctionLoadError,
    FunctionNotFoundError,
)
from redress_local.embedded.runtime import LocalRuntime, Parts
from redress_local.embedded.store import (
    CommitCounter,
    CountedStore,
    ForeignShopError,
    OnCommit,
    StoreFolder,
    new_info,
)
from redress_local.embedded.targets import embedded_targets, without_client_news
from redress_local.embedded.watch import ExecutionWatch
from redress_local.events.bus import EventBus
from redress_local.events.entries import delivery_name
from redress_local.events.errors import EventsError
from redress_local.events.store import EventStore
from redress_local.project import find_project, local_template
from redress_local.template import Template

if TYPE_CHECKING:
    from asl_engine.clock import Clock
    from redress.ports import Repository

    from redress_local.shop.document import Shop

ANSWER_FUNCTION = "AnswerApprovalFunction"
# How long the engine may take after a restart until it knows the tokens that tasks wait on.
_REVIVAL_SECONDS = 5.0
_SHORT_OF_A_HUMAN = 3600.0


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
        self.engine = Engine(
            journal=self._journal,
            lambda_invoker=self.invoke,
            events=self._sink,
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
        self._inline = workers == 0
        self._watch = ExecutionWatch(self.engine, self.bus, inline=self._inline)

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
            cloud._seed(shop)
        except BaseException:
            folder.close()
            raise
        return cloud

    def _seed(self, shop: Shop | None) -> None:
        info = self.folder.info
        if info is not None:
            if shop is not None and shop_digest(shop) != info.shop_digest:
                raise ForeignShopError(f"{self.folder.path}: seeded with another shop")
            return
        from redress_local.shop.example import example_shop
        from redress_local.shop.seeding import seed_repositories

        shop = shop or example_shop()
        seed_repositories(shop, *self._domains())
        self.folder.remember(new_info(shop_digest(shop), shop.as_of.isoformat()))

    def _domains(self) -> tuple[Repository, Repository, Repository]:
        return self.domain("orders"), self.domain("payments"), self.domain("inventory")

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
    def present(self) -> str:
        """The shop's own present: the time of an event that does not say."""
        assert self.folder.info is not None
        return self.folder.info.shop_as_of

    # Functions and events

    def invoke(self, function: str, payload: bytes) -> bytes:
        """Call a function by name, ARN or logical id with JSON; returns its JSON answer."""
        try:
            return self.host.invoke(function, payload)
        except FunctionNotFoundError as error:
            raise TaskError("Lambda.ResourceNotFoundException", str(error)) from None
        except FunctionLoadError as error:
            raise TaskError("Runtime.ImportModuleError", str(error)) from None

    def put(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Put events on their buses, as PutEvents takes them; returns their ids.

        Raises:
            EventsError: An entry is no event, or its bus does not exist.
        """
        return self.bus.put(entries)

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        return self.bus.put(entries)

    def _sink(self, entries: list[dict[str, Any]]) -> Mapping[str, Any]:
        answers: list[dict[str, str]] = []
        failed = 0
        for entry in entries:
            try:
                answers.append({"EventId": self.bus.put([entry])[0]})
            except EventsError as error:
                failed += 1
                answers.append({"ErrorCode": type(error).__name__, "ErrorMessage": str(error)})
        return {"FailedEntryCount": failed, "Entries": answers}

    def answer(self, answer: Mapping[str, Any]) -> Any:
        """Give a human's answer: `{case_id, decision, approver, comment, proposal_hash}`.

        The same answer again changes nothing.

        Raises:
            RedressError: Nothing waits for it.
        """
        fields = ("case_id", "decision", "approver", "comment", "proposal_hash")
        given = {field: answer[field] for field in fields if field in answer}
        return msgspec.json.decode(self.invoke(ANSWER_FUNCTION, msgspec.json.encode(given)))

    def warm(self) -> None:
        """Import every function now, as Lambda does before it takes a first event."""
        self.host.load_all()

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
        end = self.clock.monotonic() + timeout
        while True:
            before = self.clock.monotonic()
            execution = self._step(arn, end)
            if execution.status != "RUNNING" or self.is_waiting(arn):
                break
            now = self.clock.monotonic()
            # In this thread nothing happens by itself: no time passed, so nothing is to come.
            if now >= end or (self._inline and now == before):
                break
        self._watch.tell_ends()
        return execution

    def _step(self, arn: str, end: float) -> Execution:
        left = max(0.0, end - self.clock.monotonic())
        if self._inline:
            # Less than the time-out of a question to a human, which is not to be waited for.
            return self.engine.wait(arn, timeout=min(_SHORT_OF_A_HUMAN, left))
        self._watch.wait_for_change(arn, left)
        execution = self.engine.describe(arn)
        # It is over in the journal before its last events are told: wait for those too.
        return execution if execution.status == "RUNNING" else self.engine.wait(arn)

    def drain(self, timeout: float = 600.0) -> None:
        """Finish all that can be finished: executions, and deliveries that are due.

        What waits for a human stays.
        """
        end = self.clock.monotonic() + timeout
        stuck: set[str] = set()
        while self.clock.monotonic() < end:
            for execution in self.engine.list_executions(status="RUNNING"):
                self.settle(execution.arn, end - self.clock.monotonic())
            self._watch.tell_ends()
            self.bus.deliver_due()
            running = {
                execution.arn
                for execution in self.engine.list_executions(status="RUNNING")
                if not self.is_waiting(execution.arn)
            }
            if running and (not self._inline or running != stuck):
                stuck = running
                continue
            due = self.bus.store.next_due()
            if due is None or due - self.clock.now() > end - self.clock.monotonic():
                return
            self.clock.sleep(max(0.0, due - self.clock.now()))

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


def shop_digest(shop: Shop) -> str:
    """SHA-256 of a shop's document."""
    return hashlib.sha256(msgspec.json.encode(shop)).hexdigest()
