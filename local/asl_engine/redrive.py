"""AWS's rules on which executions may be redriven."""

from __future__ import annotations

from asl_engine.journal.records import ExecutionRecord, Journal
from asl_engine.runtime import RUNNING, SUCCEEDED

REDRIVE_SECONDS = 14 * 86_400
"""How long after its end an execution may be redriven."""
MAX_OPEN_SECONDS = 365 * 86_400
"""How long after its start an execution may run."""
MAX_EVENTS = 24_999
"""From this many events on an execution cannot be redriven."""


def event_count(journal: Journal, record: ExecutionRecord) -> int:
    """How many events an execution's history has."""
    count = 0
    for _, events in journal.batches(record.key):
        for event in events:
            count = max(count, event.id)
    return count


def redrive_problem(record: ExecutionRecord, journal: Journal, now: float) -> str | None:
    """Why an execution cannot be redriven, in AWS's words; None when it can be."""
    if record.status in {RUNNING, SUCCEEDED}:
        return f"Execution is {record.status} and cannot be redriven"
    if now - (record.stopped_at or record.started_at) > REDRIVE_SECONDS:
        return "Execution redrivable period exceeded"
    if now - record.started_at > MAX_OPEN_SECONDS:
        return "Execution has exceeded the max execution time"
    if event_count(journal, record) >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    return None
