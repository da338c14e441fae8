"""Watching executions: waiting for them, describing, listing, hearing of their events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from asl_engine.engine.base import EngineBase
from asl_engine.errors import ExecutionNotFoundError
from asl_engine.execution import Execution, public
from asl_engine.history import HistoryReader
from asl_engine.journal import ExecutionRecord
from asl_engine.listeners import Listener


class Watching(EngineBase):
    """Tells of executions; changes nothing."""

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
            machine = self._machines.get(machine).arn
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
        return self._core.listeners.add(listener)
