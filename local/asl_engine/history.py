"""From the journal's events to AWS's GetExecutionHistory shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from asl_engine.history_links import Links
from asl_engine.journal.records import Event, ExecutionRecord
from asl_engine.program import DEFAULT_ROLE

_WITHOUT_DETAILS = frozenset(
    {
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "ParallelStateFailed",
        "MapStateSucceeded",
        "MapStateFailed",
    }
)
_FUNCTION_EVENTS = {
    "TaskScheduled": "LambdaFunctionScheduled",
    "TaskStarted": "LambdaFunctionStarted",
    "TaskSucceeded": "LambdaFunctionSucceeded",
    "TaskFailed": "LambdaFunctionFailed",
    "TaskTimedOut": "LambdaFunctionTimedOut",
}


class HistoryReader:
    """Turns the events of one execution, given in order, into AWS's.

    Keeps what flows in each track, since events leave out a payload that their reader knows.
    """

    def __init__(self, record: ExecutionRecord) -> None:
        self._record = record
        self._flow: dict[int, bytes] = {0: record.input}
        self._links = Links()

    def read(self, events: Iterable[Event]) -> Iterator[dict[str, Any]]:
        """The events that AWS shows; notes of the engine to itself are left out."""
        for event in events:
            if event.id:
                yield self._event(event)

    def skip(self, events: Iterable[Event]) -> None:
        """Pass over events that nobody wants to see; what follows them may build on them."""
        for event in events:
            if event.id:
                self._links.previous(event)
                if _flows(event.type):
                    self._note_payload(event)

    def _event(self, event: Event) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(event.at, UTC),
            "type": event.type,
            "id": event.id,
            "previousEventId": self._links.previous(event),
        }
        details = self._details(event)
        if details is not None and event.type in _FUNCTION_EVENTS and _is_function(details):
            shown["type"], details = _function_event(event.type, details)
        if details is not None:
            shown[_details_key(shown["type"])] = details
        return shown

    def _note_payload(self, event: Event) -> None:
        payload = event.payload
        if payload is not None:
            self._flow[event.track] = payload

    def _payload(self, event: Event) -> str:
        self._note_payload(event)
        return self._flow.get(event.track, b"null").decode()

    def _details(self, event: Event) -> dict[str, Any] | None:
        kind = event.type
        whole = {"truncated": False}
        extra = {
            key: value for key, value in (event.details or {}).items() if not key.startswith("_")
        }
        if kind.endswith("StateEntered"):
            return {"name": event.name, "input": self._payload(event), "inputDetails": whole}
        if kind.endswith("StateExited"):
            exited = {"name": event.name, "output": self._payload(event), "outputDetails": whole}
            if event.variables:
                exited["assignedVariables"] = {
                    name: bytes(value).decode() for name, value in event.variables.items()
                }
                exited["assignedVariablesDetails"] = whole
            return exited
        if kind == "ExecutionStarted":
            return {
                "input": self._record.input.decode(),
                "inputDetails": whole,
                "roleArn": DEFAULT_ROLE,
                **extra,
            }
        if kind == "ExecutionSucceeded":
            return {"output": self._flow[0].decode(), "outputDetails": whole}
        if kind == "TaskScheduled":
            return {**extra, "parameters": (event.payload or b"{}").decode()}
        if kind == "TaskSucceeded":
            return {**extra, "output": self._payload(event), "outputDetails": whole}
        if kind == "TaskSubmitted":
            output = (event.payload or b"null").decode()
            return {**extra, "output": output, "outputDetails": whole}
        if kind in _WITHOUT_DETAILS or kind.endswith("StateAborted"):
            return None
        return extra


def _flows(kind: str) -> bool:
    """Whether an event's payload is what flows in its track from then on."""
    return kind == "TaskSucceeded" or kind.endswith(("StateEntered", "StateExited"))


def _is_function(details: dict[str, Any]) -> bool:
    return str(details["resource"]).startswith("arn:aws:lambda:")


def _function_event(kind: str, details: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """A task's event where the Resource is a function's ARN: AWS has other types for those."""
    if kind == "TaskStarted":
        return _FUNCTION_EVENTS[kind], None
    labels = {"resourceType", "resource", "region", "parameters", "heartbeatInSeconds"}
    left = {key: value for key, value in details.items() if key not in labels}
    if kind == "TaskScheduled":
        left = {
            "resource": details["resource"],
            "input": details["parameters"],
            "inputDetails": {"truncated": False},
            **left,
        }
    return _FUNCTION_EVENTS[kind], left


def _details_key(kind: str) -> str:
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"
