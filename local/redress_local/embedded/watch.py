"""Watches the engine: which executions wait for a human, and which ends must be told."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from redress_local.embedded.interest import STATUS_CHANGE, Interest
from redress_local.events.errors import EventsError

if TYPE_CHECKING:
    from asl_engine import Engine, Execution

    from redress_local.events.bus import EventBus

FAILED = {
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_OTHERS = {
    "ExecutionStarted": "RUNNING",
    "ExecutionRedriven": "RUNNING",
    "ExecutionSucceeded": "SUCCEEDED",
}
_WAITS = "waitForTaskToken"
_ANSWERED = frozenset({"TaskSucceeded", "TaskFailed", "TaskTimedOut"})
_LONGEST_WAIT = 1.0


class ExecutionWatch:
    """Hears of every event of every execution of one engine.

    Args:
        engine: Whose executions.
        bus: Where the ends of failed executions are told, as Step Functions does.
        inline: Whether the engine runs in the caller's thread.
        all_changes: Tell of starts and successes too, where a rule or an archive may want them.
    """

    def __init__(
        self, engine: Engine, bus: EventBus, *, inline: bool, all_changes: bool = False
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._inline = inline
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._ended: deque[tuple[str, str]] = deque()
        self._interest = Interest(bus) if all_changes else None
        self._telling = threading.Lock()
        engine.subscribe(self._hear)

    def is_waiting(self, arn: str) -> bool:
        """Whether an execution waits for an answer from outside."""
        return arn in self._waiting

    def wait_for_change(self, arn: str, timeout: float) -> None:
        """Block until something changes, while an execution runs and waits for nobody."""
        with self._changed:
            if self._engine.describe(arn).status == "RUNNING" and not self.is_waiting(arn):
                self._changed.wait(min(_LONGEST_WAIT, timeout))

    def remember_waiting(self) -> bool:
        """Learn from the journal which executions wait; returns whether any does."""
        waiting = {
            execution.arn
            for execution in self._engine.list_executions(status="RUNNING")
            if self._waits_in_history(execution.arn)
        }
        with self._changed:
            self._waiting |= waiting
        return bool(waiting)

    def tell_ends(self) -> None:
        """Tell the bus of the executions that failed since the last time."""
        # Under a lock, so that whoever settles a case comes back after its end was told.
        with self._telling:
            while self._ended:
                arn, status = self._ended.popleft()
                self._tell(self._engine.describe(arn), status)

    def tell_forgotten_ends(self) -> None:
        """Tell the bus of what failed before the process died, where it was not told yet."""
        told = self._bus.store.announced()
        for status in FAILED.values():
            for execution in self._engine.list_executions(status=status):
                if _announcement(execution) not in told:
                    self._tell(execution, status)

    def _hear(self, arn: str, event: dict[str, Any]) -> None:
        kind = event["type"]
        if self._interest is not None and kind in _OTHERS and self._interest.takes(_OTHERS[kind]):
            self._tell_soon(arn, _OTHERS[kind])
        if kind == "TaskSubmitted":
            if event["taskSubmittedEventDetails"]["resource"].endswith(_WAITS):
                self._note(arn, waiting=True)
        elif kind in _ANSWERED:
            if arn in self._waiting:
                self._note(arn, waiting=False)
        elif kind in FAILED:
            self._tell_soon(arn, FAILED[kind])
            self._note(arn, waiting=False)
        elif kind == "ExecutionSucceeded":
            self._note(arn, waiting=False)

    def _tell_soon(self, arn: str, status: str) -> None:
        # Told outside the execution's lock: a rule may start what waits for this one.
        self._ended.append((arn, status))
        if not self._inline:
            threading.Thread(target=self.tell_ends, daemon=True).start()

    def _note(self, arn: str, *, waiting: bool) -> None:
        with self._changed:
            (self._waiting.add if waiting else self._waiting.discard)(arn)
            self._changed.notify_all()

    def _tell(self, execution: Execution, status: str) -> None:
        entry = _status_change(execution, status)
        announces = _announcement(execution) if status in FAILED.values() else None
        try:
            self._bus.put([entry], announces=announces)
        except EventsError:
            # Too large with its input: AWS leaves the input out then.
            entry["Detail"] |= {"input": None, "inputDetails": {"included": False}, "cause": None}
            if entry["Detail"]["output"] is not None:
                entry["Detail"] |= {"output": None, "outputDetails": {"included": False}}
            self._bus.put([entry], announces=announces)

    def _waits_in_history(self, arn: str) -> bool:
        for event in reversed(self._engine.history(arn)):
            kind = event["type"]
            if kind == "TaskSubmitted":
                resource: str = event["taskSubmittedEventDetails"]["resource"]
                return resource.endswith(_WAITS)
            if kind.startswith("Task") or kind.endswith("StateEntered"):
                return False
        return False


def _announcement(execution: Execution) -> str:
    return f"{execution.arn}#{execution.redrive_count}"


def _status_change(execution: Execution, status: str) -> dict[str, Any]:
    """The event that Step Functions puts on the default bus, times in milliseconds."""
    running, succeeded = status == "RUNNING", status == "SUCCEEDED"
    started, stopped = execution.started_at, None if running else execution.stopped_at
    return {
        "Source": "aws.states",
        "DetailType": STATUS_CHANGE,
        "Resources": [execution.arn],
        "Detail": {
            "executionArn": execution.arn,
            "stateMachineArn": execution.machine,
            "name": execution.name,
            "status": status,
            "startDate": round(started.timestamp() * 1000),
            "stopDate": None if stopped is None else round(stopped.timestamp() * 1000),
            "input": msgspec.json.encode(execution.input).decode(),
            "inputDetails": {"included": True},
            "output": msgspec.json.encode(execution.output).decode() if succeeded else None,
            "outputDetails": {"included": True} if succeeded else None,
            "error": None if running else execution.error,
            "cause": None if running else execution.cause,
            "redriveCount": execution.redrive_count,
        },
    }
