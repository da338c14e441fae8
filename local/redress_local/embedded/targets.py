"""The targets of the embedded cloud: the template's state machines and functions, in process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from redress_local.events.errors import DeliveryError, DeliveryRefusedError
from redress_local.events.targets import Targets

if TYPE_CHECKING:
    from asl_engine import Engine

    from redress_local.template import Rule, Template

_CONNECTIONS = "REDRESS_CONNECTIONS_URL"


def without_client_news(template: Template) -> Template:
    """Leave out the targets that send to WebSocket clients, for none can connect to this process.

    They would find nobody, for each of the half dozen events that a case publishes. Buses and
    archives take those events all the same.
    """
    return replace(template, rules=tuple(_without_news(rule, template) for rule in template.rules))


def _without_news(rule: Rule, template: Template) -> Rule:
    left = tuple(
        target
        for target in rule.targets
        if target.arn not in template.functions
        or not template.functions[target.arn].environment.get(_CONNECTIONS)
    )
    return replace(rule, targets=left)


def embedded_targets(
    engine: Engine,
    invoke: Callable[[str, bytes], bytes],
    template: Template,
    journal: Path | None,
) -> Targets:
    """Make what delivers events to the machines and functions of a template.

    Args:
        engine: Runs state machines.
        invoke: Calls a function by ARN.
        template: Which functions there are.
        journal: The journal's file where a started execution must survive a power cut before the
            event counts as delivered; None where it need not.
    """
    return Targets(machines=_Machines(engine, journal), functions=_Functions(invoke, template))


class _Machines:
    """Starts executions so that they survive what the store survives."""

    def __init__(self, engine: Engine, journal: Path | None) -> None:
        self._engine = engine
        self._journal = journal

    def start_execution(self, machine: str, input: Any, name: str) -> None:  # noqa: A002
        self._engine.start_execution(machine, input, name)
        if self._journal is not None:
            log = os.open(f"{self._journal}-wal", os.O_RDWR)
            try:
                os.fsync(log)
            finally:
                os.close(log)


class _Functions:
    """Calls functions at once: the bus itself retries what they fail."""

    def __init__(self, invoke: Callable[[str, bytes], bytes], template: Template) -> None:
        self._invoke = invoke
        self._template = template

    def invoke_async(self, arn: str, payload: bytes) -> None:
        if arn not in self._template.functions:
            raise DeliveryRefusedError("NO_RESOURCE", f"the local cloud has no target {arn}")
        try:
            self._invoke(arn, payload)
        except Exception as error:
            # The boundary to a function's code: whatever it raises is a failed delivery, which
            # is tried again and ends in the dead-letter queue. The host has logged it.
            raise DeliveryError(type(error).__name__, str(error)) from error
