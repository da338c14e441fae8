"""The state machines that an engine knows: registered ones, and earlier ones from the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from asl_engine.compiler import compile_machine, split_resource
from asl_engine.errors import InvalidDefinitionError, MachineNotFoundError
from asl_engine.integrations.registry import Registry
from asl_engine.journal import ExecutionRecord, Journal
from asl_engine.program import EXPRESS, STANDARD, StateMachine
from asl_engine.validation import Diagnostic


class Target(NamedTuple):
    """What an execution is started on: a machine, and the version and alias that led to it."""

    machine: StateMachine
    version: str = ""
    alias: str = ""


Resolver = Callable[[str], Target | None]
"""Finds what an ARN with a version or an alias stands for; None where it knows none."""


class Machines:
    """Machines by ARN, and by the key of the definition that an execution started with."""

    def __init__(self, journal: Journal, registry: Registry) -> None:
        self._journal = journal
        self._registry = registry
        self._by_arn: dict[str, StateMachine] = {}
        self._earlier: dict[str, StateMachine] = {}
        self._lock = threading.RLock()
        self.resolver: Resolver | None = None

    def register(self, machine: StateMachine) -> StateMachine:
        """Make a machine known, in place of an earlier one of its ARN.

        Raises:
            InvalidDefinitionError: A Task's Resource cannot be called.
        """
        diagnostics = self.check(machine)
        if diagnostics:
            raise InvalidDefinitionError(diagnostics)
        self._journal.save_definition(machine.key, machine.definition)
        with self._lock:
            self._by_arn[machine.arn] = machine
        return machine

    def check(self, machine: StateMachine) -> list[Diagnostic]:
        """What of a machine's tasks cannot be called here."""
        return [
            Diagnostic(
                severity="ERROR",
                code="INVALID_RESOURCE",
                message=f"the Resource {resource} cannot be called: {problem}",
                location=f"{location}/Resource",
            )
            for resource, location in machine.resources.items()
            if (problem := self._registry.problem(*split_resource(resource))) is not None
        ]

    def keep(self, machine: StateMachine) -> None:
        """Make a machine's executions possible without registering it under its ARN.

        Raises:
            InvalidDefinitionError: A Task's Resource cannot be called.
        """
        if machine.key in self._earlier:
            return
        diagnostics = self.check(machine)
        if diagnostics:
            raise InvalidDefinitionError(diagnostics)
        self._journal.save_definition(machine.key, machine.definition)
        self._earlier[machine.key] = machine

    def forget(self, arn: str) -> None:
        """Let no execution of a machine start any more; what runs goes on."""
        with self._lock:
            machine = self._by_arn.pop(arn, None)
            if machine is not None:
                self._earlier[machine.key] = machine

    def target(self, name_or_arn: str) -> Target:
        """What a name, an ARN, or a version's or an alias's ARN stands for.

        Raises:
            MachineNotFoundError: There is none.
        """
        found = self._by_arn.get(name_or_arn)
        if found is not None:
            return Target(found)
        target = self.resolver(name_or_arn) if self.resolver is not None else None
        if target is None:
            return Target(self.get(name_or_arn))
        self.keep(target.machine)
        return target

    def ensure(self, machine: StateMachine) -> None:
        """Register a machine unless it is the one that is registered."""
        if self._by_arn.get(machine.arn) is not machine:
            self.register(machine)

    def get(self, name_or_arn: str) -> StateMachine:
        """A registered machine.

        Raises:
            MachineNotFoundError: There is none.
        """
        found = self._by_arn.get(name_or_arn)
        if found is not None:
            return found
        with self._lock:
            for machine in self._by_arn.values():
                if machine.name == name_or_arn:
                    return machine
        raise MachineNotFoundError(f"no state machine {name_or_arn!r:.200} is registered")

    def all(self) -> list[StateMachine]:
        """The registered machines."""
        with self._lock:
            return list(self._by_arn.values())

    def of(self, record: ExecutionRecord) -> StateMachine:
        """The machine of an execution, as it was when the execution started.

        Raises:
            MachineNotFoundError: The journal has no definition of it.
        """
        machine = self._by_arn.get(record.machine)
        if machine is not None and machine.key == record.definition:
            return machine
        return self._earlier.get(record.definition) or self._compile(record)

    def _compile(self, record: ExecutionRecord) -> StateMachine:
        definition = self._journal.definition(record.definition)
        if definition is None:
            raise MachineNotFoundError(f"the journal has no definition of {record.machine}")
        machine = compile_machine(
            definition,
            name=record.machine.rpartition(":")[2],
            arn=record.machine,
            kind=EXPRESS if ":express:" in record.arn else STANDARD,
        )
        for resource in machine.resources:
            # Makes what can be made; a task that cannot be called says so when it is reached.
            self._registry.problem(*split_resource(resource))
        self._earlier[record.definition] = machine
        return machine
