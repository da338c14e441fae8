"""The engine as a whole: what it is made of, and the machines that it knows."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable, Mapping
from typing import Self

from asl_engine.clock import Clock, SystemClock
from asl_engine.core import Core
from asl_engine.engine.answering import Answering
from asl_engine.engine.changing import Changing
from asl_engine.engine.starting import Starting
from asl_engine.integrations.lambda_ import LambdaCaller, LambdaInvoker
from asl_engine.integrations.protocol import Integration, TaskRequest
from asl_engine.integrations.registry import ClientFactory, EventsSink, Registry
from asl_engine.integrations.states import start_execution_integration
from asl_engine.journal import Journal, MemoryJournal
from asl_engine.machines import Machines, Resolver
from asl_engine.program import StateMachine
from asl_engine.scheduler import InlineScheduler, Scheduler, ThreadScheduler
from asl_engine.validation import Diagnostic


class Engine(Starting, Changing, Answering):
    """Runs state machines; safe to use from any thread.

    Args:
        journal: Where executions are kept; in memory by default.
        lambda_invoker: Runs Lambda functions, for `lambda:invoke` and functions' ARNs.
        lambda_caller: Makes calls of `lambda:invoke` with an InvocationType or a ClientContext;
            without it such calls fail.
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
        lambda_caller: LambdaCaller | None = None,
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
            lambda_invoker=lambda_invoker,
            lambda_caller=lambda_caller,
            events_sink=events,
            clients=clients,
            extra=integrations,
        )
        start = start_execution_integration(self)
        self._registry["arn:aws:states:::states:startExecution"] = start
        self._core.integrations = self._registry
        self._machines = Machines(self.journal, self._registry)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop taking work. What runs stays in the journal, for `resume` in a later engine."""
        self._core.scheduler.close()
