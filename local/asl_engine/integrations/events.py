"""EventBridge: `events:putEvents`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asl_engine.codec import encode
from asl_engine.errors import TaskError
from asl_engine.integrations.protocol import Integration, TaskRequest

_Sink = Callable[[list[dict[str, Any]]], Mapping[str, Any]]


def put_events_integration(sink: _Sink) -> Integration:
    """`arn:aws:states:::events:putEvents`.

    As in AWS, a `Detail` that is an object is written as text, the execution's ARN is added to
    `Resources`, and an entry that is not taken fails the task with `EventBridge.FailedEntry`.
    """

    def put_events(request: TaskRequest) -> Any:
        arguments = request.arguments
        entries = arguments.get("Entries") if isinstance(arguments, dict) else None
        if not isinstance(entries, list) or not entries:
            raise TaskError("States.Runtime", "events:putEvents needs Arguments with Entries.")
        result = dict(sink([_entry(entry, request.execution_arn) for entry in entries]))
        if result.get("FailedEntryCount", 0) > 0:
            raise TaskError("EventBridge.FailedEntry", encode(result).decode())
        return result

    return put_events


def _entry(entry: Any, execution_arn: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise TaskError("States.Runtime", "every entry of events:putEvents must be an object.")
    detail = entry.get("Detail", {})
    return {
        **entry,
        "Detail": detail if isinstance(detail, str) else encode(detail).decode(),
        "Resources": [*entry.get("Resources", []), execution_arn],
    }
