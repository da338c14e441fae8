"""How a finished child execution looks to the task that waited for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_engine.codec import decode
from asl_engine.journal.records import ExecutionRecord


def describe_child(record: ExecutionRecord, *, parse: bool) -> Mapping[str, Any]:
    """A finished execution as `states:startExecution.sync` returns it."""

    def payload(data: bytes) -> Any:
        return decode(data) if parse else data.decode()

    described: dict[str, Any] = {
        "ExecutionArn": record.arn,
        "Input": payload(record.input),
        "InputDetails": {"Included": True},
        "Name": record.name,
        "StartDate": int(record.started_at * 1000),
        "StateMachineArn": record.machine,
        "Status": record.status,
        "StopDate": int((record.stopped_at or record.started_at) * 1000),
    }
    if record.output is not None:
        described["Output"] = payload(record.output)
        described["OutputDetails"] = {"Included": True}
    if record.error is not None:
        described["Error"] = record.error
    if record.cause is not None:
        described["Cause"] = record.cause
    return described
