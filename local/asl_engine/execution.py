"""An execution as callers see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asl_engine.codec import decode
from asl_engine.journal.records import ExecutionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A snapshot of an execution.

    Attributes:
        machine: The state machine's ARN.
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
        output: The output as a JSON value; None unless it succeeded.
        error: The error's name, if it failed; `cause` says more.
    """

    arn: str
    name: str
    machine: str
    status: str
    input: Any
    output: Any
    error: str | None
    cause: str | None
    started_at: datetime
    stopped_at: datetime | None
    redrive_count: int


def public(record: ExecutionRecord) -> Execution:
    """A journal's record as a snapshot."""
    return Execution(
        arn=record.arn,
        name=record.name,
        machine=record.machine,
        status=record.status,
        input=decode(record.input),
        output=None if record.output is None else decode(record.output),
        error=record.error,
        cause=record.cause,
        started_at=datetime.fromtimestamp(record.started_at, UTC),
        stopped_at=(
            None if record.stopped_at is None else datetime.fromtimestamp(record.stopped_at, UTC)
        ),
        redrive_count=record.redrive_count,
    )
