"""Starting executions, from outside and by tasks."""

from __future__ import annotations

import uuid
from typing import Any

from asl_engine.codec import encode_input
from asl_engine.compiler import check_name
from asl_engine.engine.base import EngineBase
from asl_engine.errors import ExecutionExistsError
from asl_engine.execution import Execution, public
from asl_engine.journal import ExecutionRecord
from asl_engine.machines import Target
from asl_engine.program import DEFAULT_ROLE, StateMachine
from asl_engine.runtime import RUNNING, Track
from asl_engine.runtime import Execution as LiveExecution


class Starting(EngineBase):
    """Starts executions, in the background or in the calling thread."""

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
