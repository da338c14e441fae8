"""Follows executions through their history: which states ran, for how long, what they assigned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from asl_engine import Execution

_SERVICES = {"lambda": "Lambda", "events": "EventBridge", "states": "child machine"}


class StateVisit(msgspec.Struct, kw_only=True):
    """One state, from entering to leaving it.

    Attributes:
        machine: Name of the state machine.
        kind: `Lambda`, `child machine`, `EventBridge`, or the state's type.
        depth: 0 in the first execution, 1 in its children.
        milliseconds: None until it is left.
        error: Name of the error that its task ended in, also where the machine caught it.
        message: What the task said about it.
        attempts: Times its task was scheduled.
    """

    name: str
    machine: str
    depth: int
    entered_at: datetime
    kind: str
    milliseconds: float | None = None
    error: str | None = None
    message: str | None = None
    attempts: int = 0
    waiting: bool = False


ORCHESTRATOR = "InvestigateOrchestrator"
"""The state whose agent asks other agents by A2A; each task runs in an execution of its own."""

Show = Callable[[StateVisit], None]


class Trace:
    """Reads the events of one execution, of its children, and of the A2A tasks of its case.

    Args:
        root: ARN of the execution.
        on_exit: Called with each state once it is left.
        on_wait: Called with a state that begins to wait for an answer from outside.
    """

    def __init__(
        self, root: str, *, on_exit: Show | None = None, on_wait: Show | None = None
    ) -> None:
        self.visits: list[StateVisit] = []
        self.variables: dict[str, Any] = {}
        self.transitions = 0
        self.executions: list[str] = [root]
        self._depths = {root: 0}
        self._open: dict[str, dict[int, StateVisit]] = {root: {}}
        self._on_exit = on_exit
        self._on_wait = on_wait

    def read(self, arn: str, history: Callable[[str], Iterable[dict[str, Any]]]) -> None:
        """Read an execution that has happened, and its children where they started."""
        for event in history(arn):
            known = len(self.executions)
            self.hear(arn, event)
            for child in self.executions[known:]:
                self.read(child, history)

    def read_tasks(
        self,
        executions: Iterable[Execution],
        history: Callable[[str], Iterable[dict[str, Any]]],
    ) -> None:
        """Read executions that did A2A tasks, as far as they are of this case and of its time."""
        first = min((visit.entered_at for visit in self.visits), default=None)
        for execution in executions:
            if first is None or execution.started_at < first:
                continue
            if execution.arn not in self._depths and self._is_of_case(execution.input):
                self._adopt(execution.arn)
                self.read(execution.arn, history)
        # What ran in between is shown in between.
        self.visits.sort(key=lambda visit: visit.entered_at)

    def _adopt(self, arn: str) -> None:
        """Follow an execution that an agent of this one asked for."""
        asking = [v.depth for v in self.visits if v.name == ORCHESTRATOR]
        self.executions.append(arn)
        self._depths[arn] = max(asking, default=0) + 1
        self._open[arn] = {}

    def _is_of_case(self, value: Any) -> bool:
        """Tell whether an execution's input is an A2A task about this execution's case."""
        case = self.variables.get("case")
        asked = value.get("case") if isinstance(value, dict) and "task_id" in value else None
        if not isinstance(case, dict) or not isinstance(asked, dict):
            return False
        return bool(asked.get("case_id") == case.get("case_id"))

    def hear(self, arn: str, event: dict[str, Any]) -> None:
        """Take one event; those of other executions are ignored."""
        if arn not in self._depths:
            if event["type"] == "ExecutionStarted":
                given = event["executionStartedEventDetails"].get("input")
                if self._is_of_case(json.loads(given or "null")):
                    self._adopt(arn)
            return
        kind: str = event["type"]
        if kind.endswith("StateEntered"):
            self._entered(arn, kind, event)
        elif kind.endswith("StateExited"):
            self._exited(arn, event)
        elif kind.startswith("Task"):
            self._task(arn, kind, event)
        elif kind == "ExecutionFailed":
            self._failed(arn, event)

    def _entered(self, arn: str, kind: str, event: dict[str, Any]) -> None:
        self.transitions += 1
        visit = StateVisit(
            name=event["stateEnteredEventDetails"]["name"],
            machine=arn.split(":")[6],
            depth=self._depths[arn],
            entered_at=event["timestamp"],
            kind=kind.removesuffix("StateEntered"),
        )
        self.visits.append(visit)
        self._open[arn][event["id"]] = visit

    def _exited(self, arn: str, event: dict[str, Any]) -> None:
        details = event["stateExitedEventDetails"]
        # A Parallel state's exit follows its branches, so it is found by name.
        for key, visit in reversed(self._open[arn].items()):
            if visit.name == details["name"]:
                del self._open[arn][key]
                self._close(visit, event["timestamp"])
                break
        if self._depths[arn] == 0:
            for name, text in (details.get("assignedVariables") or {}).items():
                self.variables[name] = json.loads(text)

    def _failed(self, arn: str, event: dict[str, Any]) -> None:
        details = event["executionFailedEventDetails"]
        for visit in reversed(self._open[arn].values()):
            if visit.kind == "Fail":
                visit.error = details.get("error")
            self._close(visit, event["timestamp"])
        self._open[arn] = {}

    def _close(self, visit: StateVisit, at: datetime) -> None:
        visit.milliseconds = round((at - visit.entered_at).total_seconds() * 1000, 3)
        visit.waiting = False
        if self._on_exit is not None:
            self._on_exit(visit)

    def _task(self, arn: str, kind: str, event: dict[str, Any]) -> None:
        details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
        if kind == "TaskSubmitted" and details["resource"].startswith("startExecution"):
            child = json.loads(details["output"])["ExecutionArn"]
            if child not in self._depths:
                self.executions.append(child)
                self._depths[child] = self._depths[arn] + 1
                self._open[child] = {}
        # The events of one task are a chain: the state stays the owner of its latest one.
        visit = self._open[arn].pop(event["previousEventId"], None)
        if visit is None:
            return
        self._open[arn][event["id"]] = visit
        if kind == "TaskScheduled":
            visit.kind = _SERVICES.get(details["resourceType"], details["resourceType"])
            visit.attempts += 1
        elif kind == "TaskSubmitted" and details["resource"].endswith("waitForTaskToken"):
            visit.kind = "human"
            visit.waiting = True
            if self._on_wait is not None:
                self._on_wait(visit)
        elif kind in {"TaskFailed", "TaskTimedOut"}:
            visit.error = details.get("error")
            visit.message = _message(details.get("cause"))
        elif kind == "TaskSucceeded":
            visit.error = visit.message = None


def first_failure(trace: Trace) -> StateVisit | None:
    """The first state whose own task failed in the end; those that only wait for it come later."""
    for visit in trace.visits:
        if visit.error and visit.kind not in {"child machine", "Fail"}:
            return visit
    return None


def _message(cause: str | None) -> str | None:
    """What a task says went wrong: Lambda gives it as JSON."""
    try:
        parsed = json.loads(cause or "")
    except ValueError:
        return cause
    message = parsed.get("errorMessage") if isinstance(parsed, dict) else None
    return message if isinstance(message, str) else cause
