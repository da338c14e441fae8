"""What a journal keeps: executions, and the events of each in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

NO_PAYLOAD = msgspec.Raw(b"null")


class Event(msgspec.Struct, array_like=True, gc=False):
    """One event of an execution's history, or (with id 0) a note of the engine to itself.

    Attributes:
        id: 1 and up in an execution; 0 for a note, which histories leave out.
        previous: The id of the event that led to this one.
        at: Epoch seconds.
        type: AWS's HistoryEventType, or the note's kind.
        track: Which line of states it belongs to: 0 is the machine itself, and each Parallel
            branch and Map iteration has its own number.
        name: The state's name where the event is about a state.
        has_payload: Whether `raw` is the event's payload. It is left out where it equals what
            flows in the track already: an entered state's input is the exited state's output.
        raw: The input, output or parameters as JSON.
        variables: What a state assigned, each as JSON.
        details: AWS's other details; keys with a leading `_` are the engine's own.
    """

    id: int
    previous: int
    at: float
    type: str
    track: int = 0
    name: str = ""
    has_payload: bool = False
    raw: msgspec.Raw = NO_PAYLOAD
    variables: dict[str, msgspec.Raw] | None = None
    details: dict[str, Any] | None = None

    @property
    def payload(self) -> bytes | None:
        """The payload, if the event has its own."""
        return bytes(self.raw) if self.has_payload else None


class ExecutionRecord(msgspec.Struct, kw_only=True):
    """One execution as the journal keeps it; times are epoch seconds, payloads JSON text.

    Attributes:
        key: The journal's own number of it; the order of starting.
        machine: The machine's ARN, and `definition` the key of the definition it runs.
        parent: `execution ARN#track#event id` of the task that started it, or empty.
        version: The ARN of the version that it was started on, or empty; so `alias`.
        trace_header: What the caller passed for tracing, or empty.
        redriven_at: When it was redriven last.
    """

    key: int
    arn: str
    name: str
    machine: str
    definition: str
    status: str
    input: bytes
    started_at: float
    parent: str = ""
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None
    stopped_at: float | None = None
    redrive_count: int = 0
    version: str = ""
    alias: str = ""
    trace_header: str = ""
    redriven_at: float | None = None


class Journal(Protocol):
    """Durable storage of executions. Every method is safe to call from any thread."""

    on_commit: Callable[[int], None] | None
    """Called after each commit with the number of commits so far, before anything else happens."""

    def claim(self) -> bool:
        """Whether nobody else has the journal open, so that what runs in it is nobody's."""

    def save_definition(self, key: str, definition: bytes) -> None:
        """Keep a definition, so that its executions can be resumed without its file."""

    def definition(self, key: str) -> bytes | None:
        """The definition kept under a key."""

    def commit(
        self,
        record: ExecutionRecord,
        sequence: int,
        events: Sequence[Event],
        *,
        insert: bool = False,
        update: bool = False,
        barrier: bool = False,
    ) -> None:
        """Write one batch of events in one transaction.

        Args:
            record: The execution.
            sequence: The batch's number in the execution.
            events: The events.
            insert: Also write the execution itself, which is new; sets its key.
            update: Also write the execution's status and what goes with it.
            barrier: Return only when the batch would survive a power cut.

        Raises:
            ExecutionExistsError: `insert`, and another execution has the ARN.
        """

    def record(self, arn: str) -> ExecutionRecord | None:
        """An execution by its ARN."""

    def records(
        self,
        *,
        machine: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[ExecutionRecord]:
        """Executions, the latest first; with `before`, only those of smaller keys."""

    def batches(self, key: int, since: int = 0) -> Iterator[tuple[int, list[Event]]]:
        """The batches of an execution with their numbers, in order, from number `since` on.

        They are read as they are asked for, so whoever stops early has not read the rest.
        """

    def save_resource(self, name: str, content: bytes | None) -> None:
        """Keep what the host wants kept under a name, in place of what was; None removes it."""

    def resources(self) -> dict[str, bytes]:
        """What is kept by `save_resource`."""

    def close(self) -> None:
        """Release the storage."""
