"""Rebuilding an execution from its journal, to resume it after a crash or to redrive it."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from asl_engine import children, forks, tasks
from asl_engine.clock import Clock
from asl_engine.codec import decode, encode
from asl_engine.interpreter import Local
from asl_engine.journal.records import Event, ExecutionRecord, Journal
from asl_engine.program import MapState, ParallelState, RetryableState, StateMachine, TaskState
from asl_engine.runtime import Execution, Fork, Phase, Track

if TYPE_CHECKING:
    from asl_engine.core import Core

_OVER = (Phase.DONE, Phase.FAILED)
_FAILURES = frozenset({"TaskFailed", "TaskTimedOut", "EvaluationFailed", "_Failure"})


def rebuild(
    machine: StateMachine, record: ExecutionRecord, journal: Journal, clock: Clock
) -> Execution:
    """Fold an execution's events into the tracks that they left behind.

    Every batch in the journal ends where a track called a task, waited or was over, so what
    comes out is exactly what was in memory then, without timers, tokens and calls.
    """
    execution = Execution(machine, record, clock, decode(record.input))
    fold = _Fold(execution)
    for sequence, events in journal.batches(record.key):
        execution.sequence = sequence + 1
        for event in events:
            fold.apply(event)
    execution.insert = False
    return execution


class _Fold:
    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.tracks: dict[int, Track] = {0: execution.root}
        self.maps: list[tuple[Track, Fork]] = []

    def apply(self, event: Event) -> None:
        if event.type == "ExecutionRedriven":
            assert event.details is not None
            prepare_redrive(self.execution, event.details["redriveCount"], event.at)
        track = self._track(event.track)
        if event.id:
            self.execution.event_count = event.id
            track.event = event.id
        kind = event.type
        details = event.details or {}
        if kind == "ExecutionStarted" and "roleArn" in details:
            self.execution.details["RoleArn"] = details["roleArn"]
        if kind.endswith("StateEntered"):
            self._entered(track, event)
        elif kind.endswith("StateExited"):
            self._exited(track, event)
        elif kind == "TaskScheduled":
            track.phase = Phase.CALLING
            track.call_arguments = None if event.payload is None else decode(event.payload)
            track.token = details.get("_token")
            track.timeout = details.get("timeoutInSeconds")
            track.heartbeat = details.get("heartbeatInSeconds")
            # When the time of the task began.
            track.until = event.at
        elif kind == "TaskSubmitted":
            track.phase = Phase.SUBMITTED
            track.child_arn = details.get("_child")
        elif kind == "TaskSucceeded":
            track.result_json = event.payload or b"null"
            track.result = decode(track.result_json)
            track.child_arn = None
            track.phase = Phase.RESULT
        elif kind in _FAILURES:
            track.error = (details["error"], details.get("cause"))
            track.child_arn = None
            track.phase = Phase.FAILURE
        elif kind == "_Retry":
            self._retried(track, details)
        elif kind == "_Wait":
            track.phase = Phase.WAITING
            track.until = details["until"]
        elif kind in {"ParallelStateStarted", "MapStateStarted"}:
            self._forked(track, event, details)
        elif kind in {"ParallelStateSucceeded", "MapStateSucceeded"}:
            self._joined(track)
        elif kind in {"ParallelStateFailed", "MapStateFailed"}:
            track.error = (details["_error"], details.get("_cause"))
            track.phase = Phase.FAILURE
        elif kind == "MapIterationFailed":
            track.error = (details["_error"], details.get("_cause"))
            track.phase = Phase.FAILED
        elif kind == "ExecutionFailed":
            track.phase = Phase.FAILED

    def _track(self, number: int) -> Track:
        found = self.tracks.get(number)
        if found is not None:
            return found
        # An iteration's first event: its Map has started before.
        for parent, fork in reversed(self.maps):
            if 0 <= number - fork.first_track < len(fork.inputs):
                return self._child(parent, fork, number - fork.first_track)
        raise AssertionError(f"track {number} belongs to no fork")

    def _child(self, parent: Track, fork: Fork, index: int) -> Track:
        child = forks.make_child(parent, fork, index)
        fork.started = max(fork.started, index + 1)
        self.tracks[child.id] = child
        return child

    def _entered(self, track: Track, event: Event) -> None:
        track.state = track.scope.states[event.name]
        if event.payload is not None:
            track.input_json = event.payload
            track.input = decode(track.input_json)
        track.entered_at = event.at
        track.entered_event = event.id
        track.attempts = None
        track.token = None
        track.phase = Phase.ENTERED

    def _exited(self, track: Track, event: Event) -> None:
        if event.payload is not None:
            track.input_json = event.payload
            track.input = decode(track.input_json)
        elif track.phase is Phase.RESULT:
            track.input, track.input_json = track.result, track.result_json
        if event.variables:
            assigned = {name: decode(value) for name, value in event.variables.items()}
            track.variables = {**track.variables, **assigned}
        track.result, track.result_json = None, b""
        track.fork = None
        target = (event.details or {}).get("_next")
        if target is None:
            track.phase = Phase.DONE
        else:
            track.state = track.scope.states[target]
            track.phase = Phase.READY

    def _retried(self, track: Track, details: dict[str, Any]) -> None:
        assert isinstance(track.state, RetryableState)
        if track.attempts is None:
            track.attempts = [0] * len(track.state.retry)
        track.attempts[details["index"]] += 1
        track.until = details["until"]
        track.fork = None
        track.phase = Phase.BACKOFF

    def _forked(self, track: Track, event: Event, details: dict[str, Any]) -> None:
        state = track.state
        if isinstance(state, ParallelState):
            value = track.input if event.payload is None else decode(event.payload)
            count = len(state.branches)
            track.fork = Fork(
                list(state.branches), [value] * count, is_map=False, limit=0, tolerated=None,
                first_track=details["_first"], started_event=event.id,
            )  # fmt: skip
            # All of them: a branch that other threads overtook has no event of its own yet.
            for index in range(count):
                self._child(track, track.fork, index)
        else:
            assert isinstance(state, MapState)
            assert event.payload is not None
            inputs = decode(event.payload)
            count = len(inputs)
            track.fork = Fork(
                [state.processor] * count, inputs,
                is_map=True, limit=details["_limit"], tolerated=details["_tolerated"],
                first_track=details["_first"], started_event=event.id,
            )  # fmt: skip
            self.maps.append((track, track.fork))
        self.execution.tracks = max(self.execution.tracks, details["_first"] + count)
        track.phase = Phase.FORKED

    def _joined(self, track: Track) -> None:
        fork = track.fork
        assert fork is not None
        children = [fork.children[index] for index in range(len(fork.inputs))]
        for child in children:
            settle_failed_iteration(child)
        track.result = [child.input for child in children]
        track.result_json = b"[" + b",".join([child.input_json for child in children]) + b"]"
        track.phase = Phase.RESULT


def settle_failed_iteration(child: Track) -> None:
    """What stands for a tolerated failure in a Map's result."""
    if child.phase is Phase.FAILED:
        error, cause = child.error
        child.input = {"Error": error, "Cause": cause or "", "Status": "FAILED"}
        child.input_json = encode(child.input)


def prepare_redrive(execution: Execution, count: int, at: float) -> None:
    """Set every track that did not succeed back to the state it stopped in.

    As in AWS: what succeeded is not run again, the retriers' counts start anew, and a Parallel or
    Map whose branches all succeeded but which failed itself runs as a whole. The time of the
    machine starts anew.
    """
    execution.record.redrive_count = count
    execution.began_at = at
    execution.details["RedriveCount"] = count
    _back(execution.root)


def _back(track: Track) -> None:
    track.dead = False
    track.attempts = None
    track.token = None
    track.child_arn = None
    fork = track.fork
    if fork is not None and track.phase in (Phase.FORKED, Phase.FAILURE, Phase.FAILED):
        unfinished = [child for child in fork.children.values() if child.phase is not Phase.DONE]
        if unfinished or fork.started < len(fork.inputs):
            for child in unfinished:
                _back(child)
            track.phase = Phase.FORKED
            return
        track.fork = None
    if track.phase is not Phase.READY:
        track.phase = Phase.ENTERED


def restart(core: Core, track: Track, local: Local) -> None:
    """Let a rebuilt track and all under it go on; called with the execution's lock held."""
    phase = track.phase
    state = track.state
    if phase is Phase.FORKED:
        _restart_fork(core, track, local)
    elif phase is Phase.CALLING:
        assert isinstance(state, TaskState)
        local.append(partial(_call_again, core, track, state, local))
    elif phase is Phase.SUBMITTED:
        _wait_again(core, track, local)
    elif phase in (Phase.BACKOFF, Phase.WAITING):
        core.wake_at(track, track.until)
    else:
        local.append(partial(core.run_track, track, local))


def _restart_fork(core: Core, track: Track, local: Local) -> None:
    fork = track.fork
    assert fork is not None
    over = [child for child in fork.children.values() if child.phase in _OVER]
    fork.finished = len(over)
    fork.failed = sum(child.phase is Phase.FAILED for child in over)
    fork.active = len(fork.children) - len(over)
    for child in over:
        settle_failed_iteration(child)
    for child in list(fork.children.values()):
        if child.phase not in _OVER:
            if core.scheduler.concurrent and child.scope.has_tasks:
                core.scheduler.submit(partial(_restart_beside, core, child))
            else:
                restart(core, child, local)
    forks.start_children(core, track, local)


def _restart_beside(core: Core, track: Track) -> None:
    local: Local = deque()
    with track.execution.lock:
        if track.dead or track.execution.done:
            return
        restart(core, track, local)
        core.commit(track.execution, local)
    while local:
        local.popleft()()


def _remaining(core: Core, track: Track) -> float | None:
    if track.timeout is None:
        return None
    return max(track.timeout - (core.clock.now() - track.until), 0.0)


def _call_again(core: Core, track: Track, state: TaskState, local: Local) -> None:
    """Repeat a call whose answer never reached the journal, with the very same arguments."""
    with track.execution.lock:
        if track.dead or track.execution.done or track.phase is not Phase.CALLING:
            return
        call = tasks.call(core, track, state, _remaining(core, track))
    core.run_call(track, call, local)


def _wait_again(core: Core, track: Track, local: Local) -> None:
    """Go on waiting for a token or a child."""
    track.serial += 1
    remaining = _remaining(core, track)
    if remaining is not None:
        core.add_task_timeout(track, remaining)
    if track.child_arn is not None:
        track.execution.children[track.child_arn] = track
        local.append(partial(children.hear, core, track.child_arn, local))
    else:
        core.add_token(track)
        tasks.watch_heartbeat(core, track)
