"""The engine's front: register machines, start, run, watch, stop and redrive executions."""

from __future__ import annotations

import random as random_module
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import msgspec

from asl_engine.clock import Clock, SystemClock
from asl_engine.codec import decode, encode_input
from asl_engine.compiler import check_name
from asl_engine.core import Core, Listener, drain
from asl_engine.errors import (
    ExecutionExistsError,
    ExecutionNotFoundError,
    ExecutionNotRedrivableError,
    InvalidInputError,
)
from asl_engine.execution import Execution, public
from asl_engine.history import HistoryReader
from asl_engine.integrations.protocol import Integration, TaskRequest
from asl_engine.integrations.registry import ClientFactory, EventsSink, LambdaInvoker, Registry
from asl_engine.integrations.states import start_execution_integration
from asl_engine.interpreter import Local
from asl_engine.journal import ExecutionRecord, Journal, MemoryJournal
from asl_engine.machines import Machines, Resolver, Target
from asl_engine.program import DEFAULT_ROLE, StateMachine
from asl_engine.recovery import prepare_redrive, rebuild, restart
from asl_engine.redrive import redrive_problem
from asl_engine.runtime import ABORTED, RUNNING, Track
from asl_engine.runtime import Execution as LiveExecution
from asl_engine.scheduler import InlineScheduler, Scheduler, ThreadScheduler
from asl_engine.tasks import fail, succeed
from asl_engine.tokens import check_waiting, waiting_track
from asl_engine.validation import Diagnostic


class Engine:
    """Runs state machines; safe to use from any thread.

    Args:
        journal: Where executions are kept; in memory by default.
        lambda_invoker: Runs Lambda functions, for `lambda:invoke`.
        events: Takes EventBridge entries, for `events:putEvents`.
        clients: Makes boto3 clients, for `dynamodb`, `sqs` and `aws-sdk`.
        integrations: More Resources, by ARN without a pattern suffix.
        clock: Time.
        random: What retriers with jitter draw from.
        max_workers: Threads for executions beside the caller's. 0: none; everything then runs in
            the thread that calls `run` or `wait`, in a fixed order.
        is_effect: Says which tasks change the world outside: before those, the journal is synced
            to the disk.
    """

    def __init__(
        self,
        *,
        journal: Journal | None = None,
        lambda_invoker: LambdaInvoker | None = None,
        events: EventsSink | None = None,
        clients: ClientFactory | None = None,
        integrations: Mapping[str, Integration] | None = None,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
        max_workers: int = 32,
        is_effect: Callable[[TaskRequest], bool] | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.journal: Journal = journal if journal is not None else MemoryJournal()
        scheduler: Scheduler = (
            ThreadScheduler(self.clock, max_workers)
            if max_workers > 0
            else InlineScheduler(self.clock)
        )
        self._core = Core(
            journal=self.journal,
            clock=self.clock,
            rng=random or random_module.Random(),  # noqa: S311 - jitter
            scheduler=scheduler,
            is_effect=is_effect,
        )
        self._registry = Registry(
            lambda_invoker=lambda_invoker, events_sink=events, clients=clients, extra=integrations
        )
        start = start_execution_integration(self)
        self._registry["arn:aws:states:::states:startExecution"] = start
        self._core.integrations = self._registry
        self._machines = Machines(self.journal, self._registry)

    # Machines

    def register(self, machine: StateMachine) -> StateMachine:
        """Make a machine known, in place of an earlier one of its ARN.

        Executions that run go on with the definition they started with.

        Raises:
            InvalidDefinitionError: A Task's Resource cannot be called by this engine.
        """
        return self._machines.register(machine)

    def machine(self, name_or_arn: str) -> StateMachine:
        """A registered machine.

        Raises:
            MachineNotFoundError: There is none.
        """
        return self._machines.get(name_or_arn)

    def machines(self) -> list[StateMachine]:
        """The registered machines."""
        return self._machines.all()

    def check(self, machine: StateMachine) -> list[Diagnostic]:
        """What of a machine's tasks this engine cannot call; `register` refuses it for that."""
        return self._machines.check(machine)

    def forget(self, arn: str) -> None:
        """Start no more executions of a machine; those that run go on."""
        self._machines.forget(arn)

    @property
    def is_concurrent(self) -> bool:
        """Whether executions run beside the caller; otherwise only while somebody waits."""
        return self._core.scheduler.concurrent

    @property
    def registry(self) -> Registry:
        """What the engine's tasks call."""
        return self._registry

    def use_resolver(self, resolver: Resolver) -> None:
        """Ask this for what an ARN that is not a registered machine's stands for."""
        self._machines.resolver = resolver

    # Starting

    def start_execution(
        self,
        machine: str | StateMachine | Target,
        input: Any = None,  # noqa: A002
        name: str | None = None,
        *,
        trace_header: str = "",
    ) -> str:
        """Start an execution in the background; it is durable when this returns.

        Args:
            machine: The machine, its name or its ARN, or one of its versions.
            input: A JSON value; `{}` when left out.
            name: Unique per machine. The same name with the same input while the first one runs
                is the same execution, unless the machine is EXPRESS.
            trace_header: Kept with the execution.

        Returns:
            The execution's ARN.

        Raises:
            MachineNotFoundError, InvalidInputError, InvalidNameError, ExecutionExistsError
        """
        record, live, is_new = self._create(machine, input, name, trace_header=trace_header)
        if live is not None and is_new:
            try:
                self._begin(live)
            except ExecutionExistsError:
                # Another process took the name since it was looked up.
                self._core.live.pop(record.arn, None)
                raise
            self.drive_later(live.root)
        return record.arn

    def run(
        self,
        machine: str | StateMachine | Target,
        input: Any = None,  # noqa: A002
        name: str | None = None,
        *,
        timeout: float | None = None,
        trace_header: str = "",
    ) -> Execution:
        """Run an execution in the calling thread and return how it ended.

        Work that can go on beside it, and what comes after a wait, runs on the pool meanwhile.

        Args:
            machine: As for `start_execution`.
            input: As for `start_execution`.
            name: As for `start_execution`.
            timeout: Seconds after which to return with the execution as it is then.
            trace_header: As for `start_execution`.
        """
        record, live, is_new = self._create(machine, input, name, trace_header=trace_header)
        if live is None:
            return public(record)
        if is_new:
            self._begin(live, commit=False)
            try:
                self._core.drive(live.root)
            except ExecutionExistsError:
                # Another process took the name since it was looked up.
                self._core.live.pop(record.arn, None)
                raise
        if not live.done:
            self._core.scheduler.run_until(lambda: live.done, live.wait_done, timeout)
        with live.lock:
            return public(record)

    def create_child(
        self, machine: str, value: Any, name: str, parent: str
    ) -> tuple[str, Track | None]:
        """Start an execution for a task; internal to `states:startExecution`.

        Returns:
            Its ARN, and its first track; None if the same task has started it before.
        """
        record, live, is_new = self._create(machine, value, name, parent)
        if live is None or not is_new:
            return record.arn, None
        self._begin(live)
        return record.arn, live.root

    def drive_later(self, track: Track) -> None:
        """Run a track on the engine's pool; internal to `states:startExecution`."""
        self._core.scheduler.submit(partial(self._core.drive, track))

    def _create(
        self,
        machine: str | StateMachine | Target,
        value: Any,
        name: str | None,
        parent: str = "",
        trace_header: str = "",
    ) -> tuple[ExecutionRecord, LiveExecution | None, bool]:
        """The record, the execution if it is live, and whether it is new."""
        if isinstance(machine, StateMachine):
            self._machines.ensure(machine)
            target = Target(machine)
        elif isinstance(machine, Target):
            target = machine
            self._machines.keep(target.machine)
        else:
            target = self._machines.target(machine)
        machine = target.machine
        value = {} if value is None else value
        data = encode_input(value)
        called = check_name(name, "an execution") if name else _random_name()
        arn = machine.execution_arn(called)
        core = self._core
        record = ExecutionRecord(
            key=0,
            arn=arn,
            name=called,
            machine=machine.arn,
            definition=machine.key,
            status=RUNNING,
            input=data,
            started_at=self.clock.now(),
            parent=parent,
            version=target.version,
            alias=target.alias,
            trace_header=trace_header,
        )
        with core.lock:
            if name:
                found = self._existing(record)
                if found is not None:
                    return found, core.live.get(arn), False
            execution = LiveExecution(machine, record, self.clock, value)
            core.live[arn] = execution
        return record, execution, True

    def _existing(self, wanted: ExecutionRecord) -> ExecutionRecord | None:
        live = self._core.live.get(wanted.arn)
        found = self.journal.record(wanted.arn) if live is None else live.record
        if found is None:
            return None
        same_task = bool(wanted.parent) and found.parent == wanted.parent
        if same_task or (found.status == RUNNING and found.input == wanted.input):
            return found
        raise ExecutionExistsError(f"an execution {wanted.arn} exists already")

    def _begin(self, execution: LiveExecution, *, commit: bool = True) -> None:
        with execution.lock:
            self._core.watch_execution(execution)
            execution.add(execution.root, "ExecutionStarted", details=_origin(execution))
            if commit:
                self._core.commit(execution)

    # Watching

    def wait(self, arn: str, timeout: float | None = None) -> Execution:
        """Wait until an execution is over, at most `timeout` seconds; returns it as it is then."""
        live = self._core.live.get(arn)
        if live is not None:
            self._core.scheduler.run_until(lambda: live.done, live.wait_done, timeout)
        return self.describe(arn)

    def describe(self, arn: str) -> Execution:
        """An execution as it is now.

        Raises:
            ExecutionNotFoundError: No execution has the ARN.
        """
        return public(self.record(arn))

    def record(self, arn: str) -> ExecutionRecord:
        """An execution as the journal keeps it, its payloads as JSON text.

        Raises:
            ExecutionNotFoundError: No execution has the ARN.
        """
        record = self.journal.record(arn)
        if record is None:
            live = self._core.live.get(arn)
            if live is None:
                raise ExecutionNotFoundError(f"no execution {arn!r:.300}")
            with live.lock:
                return msgspec.structs.replace(live.record)
        return record

    def history(self, arn: str) -> list[dict[str, Any]]:
        """An execution's events so far, in the shape of AWS's GetExecutionHistory.

        Raises:
            ExecutionNotFoundError: No execution has the ARN.
        """
        record = self.record(arn)
        reader = HistoryReader(record)
        shown: list[dict[str, Any]] = []
        for _, events in self.journal.batches(record.key):
            shown.extend(reader.read(events))
        return shown

    def list_executions(
        self,
        machine: str | None = None,
        *,
        status: str | None = None,
        limit: int | None = None,
    ) -> list[Execution]:
        """Executions, the latest first.

        Args:
            machine: Only those of the machine with this name or ARN.
            status: Only those with this status.
            limit: At most so many.
        """
        if machine is not None and not machine.startswith("arn:"):
            machine = self.machine(machine).arn
        return [
            public(record)
            for record in self.journal.records(machine=machine, status=status, limit=limit)
        ]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every event of every execution, in order, once it is durable.

        The listener runs in the engine's threads: it must be quick and must not wait for the
        execution.

        Returns:
            What ends the subscription.
        """
        listeners = self._core.listeners
        listeners.append(listener)

        def unsubscribe() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return unsubscribe

    # Changing what runs

    def stop_execution(
        self, arn: str, *, error: str | None = None, cause: str | None = None
    ) -> Execution:
        """Abort an execution, and the children it waits for; nothing happens to a finished one."""
        record = self.record(arn)
        with self._core.lock:
            live = self._core.live.get(arn)
            if live is None and record.status == RUNNING and self.journal.claim():
                live = self._core.live[arn] = self._rebuild(record)
        if live is not None:
            self._core.end_now(live, ABORTED, error, cause, "ExecutionAborted")
        return self.describe(arn)

    def redrive_execution(self, arn: str) -> Execution:
        """Run a failed, timed out or stopped execution again from where it stopped.

        Raises:
            ExecutionNotRedrivableError: It runs, has succeeded, is older than 14 days, or has
                too many events.
        """
        record = self.record(arn)
        problem = redrive_problem(record, self.journal, self.clock.now())
        if problem is not None:
            raise ExecutionNotRedrivableError(f"{arn}: {problem}")
        with self._core.lock:
            if arn in self._core.live:
                raise ExecutionNotRedrivableError(f"{arn} is RUNNING; it cannot be redriven")
            execution = self._rebuild(record)
            self._core.live[arn] = execution
        with execution.lock:
            count = record.redrive_count + 1
            record.status = RUNNING
            record.redriven_at = self.clock.now()
            record.output = record.error = record.cause = record.stopped_at = None
            root = execution.root
            root.event = execution.event_count
            prepare_redrive(execution, count, self.clock.now())
            execution.add(root, "ExecutionRedriven", details={"redriveCount": count})
            execution.update = True
            self._core.commit(execution)
            self._core.watch_execution(execution)
        self._core.scheduler.submit(partial(self._restart, execution))
        return self.describe(arn)

    def resume(self) -> list[str]:
        """Go on with every execution that the journal has as running.

        To be called once, on a new engine, after the machines are registered. A machine that is
        not registered, or has another definition by now, is compiled from the journal.

        Returns:
            The ARNs of the resumed executions; none while another process has the journal open,
            since the executions may be its own.
        """
        resumed: list[LiveExecution] = []
        if not self.journal.claim():
            return []
        for record in reversed(self.journal.records(status=RUNNING)):
            with self._core.lock:
                if record.arn in self._core.live:
                    continue
                execution = self._rebuild(record)
                self._core.live[record.arn] = execution
            resumed.append(execution)
        # Only now, so that children and parents find each other.
        for execution in resumed:
            with execution.lock:
                self._core.watch_execution(execution)
            self._core.scheduler.submit(partial(self._restart, execution))
        return [execution.record.arn for execution in resumed]

    def _rebuild(self, record: ExecutionRecord) -> LiveExecution:
        return rebuild(self._machines.of(record), record, self.journal, self.clock)

    def _restart(self, execution: LiveExecution) -> None:
        local: Local = deque()
        with execution.lock:
            if execution.done:
                return
            restart(self._core, execution.root, local)
            self._core.commit(execution, local)
        drain(local)

    # Task tokens

    def send_task_success(self, token: str, output: Any) -> None:
        """Complete the task that waits on a token.

        Args:
            token: The task's token.
            output: A JSON value.

        Raises:
            TaskTokenError: No task waits on the token.
            InvalidInputError: The output is not JSON or above 256 KiB.
        """
        data = encode_input(output, "output")
        self._complete(token, lambda track: succeed(self._core, track, decode(data), data))

    def send_task_failure(self, token: str, error: str = "", cause: str = "") -> None:
        """Fail the task that waits on a token.

        Raises:
            TaskTokenError: No task waits on the token.
            InvalidInputError: The error or the cause is too long.
        """
        if len(error) > 256 or len(cause.encode()) > 32_768:
            raise InvalidInputError("an error has at most 256 characters, a cause 32768")
        self._complete(token, lambda track: fail(self._core, track, error, cause))

    def send_task_heartbeat(self, token: str) -> None:
        """Say that the task which waits on a token is alive.

        Raises:
            TaskTokenError: No task waits on the token.
        """
        track = waiting_track(self._core, token)
        with track.execution.lock:
            check_waiting(track, token)
            track.heartbeat_at = self.clock.now()

    def _complete(self, token: str, act: Callable[[Track], None]) -> None:
        track = waiting_track(self._core, token)
        with track.execution.lock:
            check_waiting(track, token)
            act(track)
            self._core.commit(track.execution)
        self.drive_later(track)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop taking work. What runs stays in the journal, for `resume` in a later engine."""
        self._core.scheduler.close()


def _origin(execution: LiveExecution) -> dict[str, Any] | None:
    """What ExecutionStarted says of the role and the version, where they are not the default."""
    record, role = execution.record, execution.machine.role_arn
    details = {
        "roleArn": role if role != DEFAULT_ROLE else "",
        "stateMachineVersionArn": record.version,
        "stateMachineAliasArn": record.alias,
    }
    return {key: value for key, value in details.items() if value} or None


def _random_name() -> str:
    return str(uuid.uuid4())
