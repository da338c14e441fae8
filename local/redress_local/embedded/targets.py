"""Hands events to the targets that rules have: state machines and functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from asl_engine import ExecutionExistsError, InvalidInputError

from redress_local.events.bus import Delivery
from redress_local.events.errors import DeliveryError, DeliveryRefusedError

if TYPE_CHECKING:
    from asl_engine import Engine

    from redress_local.template import Template


class TargetSender:
    """Sends a delivery to a state machine or a function of the template.

    Args:
        engine: Runs state machines.
        invoke: Calls a function by ARN.
        template: Which ARNs there are.
        journal: The journal's file where a started execution must survive a power cut before the
            event counts as delivered; None where it need not.
    """

    def __init__(
        self,
        engine: Engine,
        invoke: Callable[[str, bytes], bytes],
        template: Template,
        journal: Path | None,
    ) -> None:
        self._engine = engine
        self._invoke = invoke
        self._template = template
        self._journal = journal

    def __call__(self, delivery: Delivery) -> None:
        """Deliver once.

        Raises:
            DeliveryError: The target did not take it.
        """
        arn = delivery.target.arn
        if arn in self._template.machines:
            self._start(arn, delivery)
        elif arn in self._template.functions:
            self._call(arn, delivery)
        else:
            raise DeliveryRefusedError("NO_RESOURCE", f"the local cloud has no target {arn}")

    def _start(self, arn: str, delivery: Delivery) -> None:
        try:
            # The name makes a second delivery of the same event find the execution of the first.
            self._engine.start_execution(arn, delivery.input, delivery.name)
        except ExecutionExistsError:
            return
        except InvalidInputError as error:
            raise DeliveryRefusedError("INVALID_INPUT", str(error)) from None
        self._sync()

    def _call(self, arn: str, delivery: Delivery) -> None:
        try:
            self._invoke(arn, msgspec.json.encode(delivery.input))
        except Exception as error:
            # The boundary to a function's code: whatever it raises is a failed delivery, which
            # is tried again and ends in the dead-letter queue. The host has logged it.
            raise DeliveryError(type(error).__name__, str(error)) from error

    def _sync(self) -> None:
        if self._journal is None:
            return
        log = os.open(f"{self._journal}-wal", os.O_RDWR)
        try:
            os.fsync(log)
        finally:
            os.close(log)
