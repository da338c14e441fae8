"""An execution in memory while it runs: its tracks, and the events not yet in the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import msgspec

from asl_engine.clock import Clock, iso
from asl_engine.journal.records import NO_PAYLOAD, Event, ExecutionRecord
from asl_engine.program import Scope, State, StateMachine
from asl_engine.scheduler import Timer

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMED_OUT = "TIMED_OUT"
ABORTED = "ABORTED"


class Phase(IntEnum):
    """What a track is at; the states of the small machine that recovery rebuilds.

    READY enters `state` next; ENTERED does what the entered state does; CALLING has a task
    running; SUBMITTED waits for a token or a child; RESULT has a result to settle; FAILURE has an
    error to retry, catch or pass on; BACKOFF waits to retry; WAITING is in a Wait state; FORKED
    waits for its child tracks; DONE and FAILED are over.
    """

    READY = 0
    ENTERED = 1
    CALLING = 2
    SUBMITTED = 3
    RESULT = 4
    FAILURE = 5
    BACKOFF = 6
    WAITING = 7
    FORKED = 8
    DONE = 9
    FAILED = 10


class Fork:
    """The child tracks of one Parallel or Map, as far as they have been started.

    Attributes:
        scopes: What each child runs.
        inputs: What each child gets.
        limit: How many children may run at a time; 0 for all.
        tolerated: How many may fail, or None where the first failure fails the state.
    """

    __slots__ = ("active", "children", "failed", "finished", "first_track", "inputs", "is_map",
                 "limit", "scopes", "started", "started_event", "tolerated")  # fmt: skip

    def __init__(
        self,
        scopes: list[Scope],
        inputs: list[Any],
        *,
        is_map: bool,
        limit: int,
        tolerated: int | None,
        first_track: int,
        started_event: int,
    ) -> None:
        self.scopes = scopes
        self.inputs = inputs
        self.is_map = is_map
        self.limit = limit
        self.tolerated = tolerated
        self.first_track = first_track
        self.started_event = started_event
        self.children: dict[int, Track] = {}
        self.started = 0
        self.active = 0
        self.finished = 0
        self.failed = 0


class Track:
    """One line of states: the machine's own, a Parallel branch's or a Map iteration's.

    Attributes:
        id: Its number in the execution; 0 for the machine's own.
        parent: The track that forked it.
        index: Which branch or iteration it is.
        input: What the current state was given, and `input_json` the same as JSON.
        variables: Its own and, read-only by validation, the outer ones.
        serial: Goes up whenever what the track waits for changes, so that an answer that comes
            too late is recognised.
        attempts: Per retrier, how often it was used in the current state.
        event: The id of the track's latest event.
    """

    __slots__ = (
        "attempts", "call_arguments", "child_arn", "dead", "entered_at", "entered_event", "error",
        "event", "execution", "fork", "heartbeat", "heartbeat_at", "id", "index", "input",
        "input_json", "parent", "phase", "result", "result_json", "scope", "serial", "state",
        "timeout", "timers", "token", "until", "variables",
    )  # fmt: skip

    def __init__(
        self,
        execution: Execution,
        track_id: int,
        scope: Scope,
        value: Any,
        value_json: bytes,
        variables: dict[str, Any],
        *,
        parent: Track | None = None,
        index: int = 0,
        event: int = 0,
    ) -> None:
        self.execution = execution
        self.id = track_id
        self.scope = scope
        self.parent = parent
        self.index = index
        self.event = event
        self.state: State = scope.states[scope.start_at]
        self.phase = Phase.READY
        self.input = value
        self.input_json = value_json
        self.variables = variables
        self.result: Any = None
        self.result_json = b""
        self.error: tuple[str, str | None] = ("", None)
        self.attempts: list[int] | None = None
        self.serial = 0
        self.dead = False
        self.entered_at = 0.0
        self.entered_event = 0
        self.call_arguments: Any = None
        self.timeout: float | None = None
        self.heartbeat: float | None = None
        self.heartbeat_at = 0.0
        self.until = 0.0
        self.token: str | None = None
        self.child_arn: str | None = None
        self.fork: Fork | None = None
        self.timers: list[Timer] | None = None


class Execution:
    """A live execution. Everything in it is guarded by its `lock`.

    Attributes:
        pending: Events that the next commit writes.
        children: The tracks that wait for child executions, by the child's ARN.
        began_at: When its time began: its start, or its last redrive.
        insert: Whether the journal does not have it yet.
        update: Whether the next commit changes its record.
        barrier: Whether the next commit must reach the disk.
        mocked_context: What stands for the context object, in the test of one state.
    """

    __slots__ = (
        "_waiters", "barrier", "began_at", "children", "clock", "details", "done", "event_count",
        "insert", "lock", "machine", "mocked_context", "pending", "record", "root", "sequence",
        "start_context", "timer", "tracks", "update",
    )  # fmt: skip

    def __init__(
        self, machine: StateMachine, record: ExecutionRecord, clock: Clock, value: Any
    ) -> None:
        self.machine = machine
        self.record = record
        self.clock = clock
        self.lock = threading.RLock()
        self.pending: list[Event] = []
        self.sequence = 0
        self.event_count = 0
        self.tracks = 1
        self.insert = True
        self.update = False
        self.done = False
        self.barrier = False
        self.mocked_context: dict[str, Any] | None = None
        self.began_at = record.started_at
        self.children: dict[str, Track] = {}
        self.timer: Timer | None = None
        self._waiters: threading.Event | None = None
        self.details: dict[str, Any] = {
            "Id": record.arn,
            "Input": value,
            "Name": record.name,
            "RoleArn": machine.role_arn,
            "StartTime": iso(record.started_at),
            "RedriveCount": record.redrive_count,
        }
        self.start_context = {"Id": machine.arn, "Name": machine.name}
        self.root = Track(self, 0, machine.program, value, record.input, {})

    def add(
        self,
        track: Track,
        type_: str,
        name: str = "",
        payload: bytes | None = None,
        variables: dict[str, msgspec.Raw] | None = None,
        details: dict[str, Any] | None = None,
    ) -> Event:
        """Append an event to the track's chain; it is written with the next commit."""
        self.event_count += 1
        event = Event(
            self.event_count,
            track.event,
            self.clock.now(),
            type_,
            track.id,
            name,
            payload is not None,
            NO_PAYLOAD if payload is None else msgspec.Raw(payload),
            variables,
            details,
        )
        track.event = event.id
        self.pending.append(event)
        return event

    def note(self, track: Track, type_: str, details: dict[str, Any]) -> None:
        """Append a note for recovery, which histories do not show."""
        self.pending.append(Event(0, 0, self.clock.now(), type_, track.id, details=details))

    def wait_done(self, timeout: float | None) -> bool:
        """Block the calling thread until the execution is over."""
        with self.lock:
            if self.done:
                return True
            if self._waiters is None:
                self._waiters = threading.Event()
            waiters = self._waiters
        return waiters.wait(timeout)

    def mark_done(self) -> None:
        """Wake whoever waits; called with the lock held."""
        self.done = True
        if self._waiters is not None:
            self._waiters.set()


class Call:
    """A task to be run outside the execution's lock."""

    __slots__ = ("run", "serial")

    def __init__(self, serial: int, run: Callable[[], Any]) -> None:
        self.serial = serial
        self.run = run
