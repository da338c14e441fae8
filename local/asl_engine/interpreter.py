"""The step loop: takes a track from state to state until it has to wait or to run a task.

Nothing here blocks or runs a host's code. `Interpreter.step` is called with the execution's lock
held and returns either a `Call` (the task to run outside the lock) or None (the track waits for a
timer, a token, its children or a child execution, or is over).
"""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from asl_engine import forks, program, tasks
from asl_engine.codec import MAX_PAYLOAD_BYTES, encode, encode_limited, too_large
from asl_engine.context import EvaluationError, Scopes, failed, number, wrong_type
from asl_engine.errors import TaskError
from asl_engine.matching import NO_CHOICE_MATCHED, RUNTIME
from asl_engine.program import Field, Transition
from asl_engine.runtime import FAILED, SUCCEEDED, Call, Phase, Track
from asl_engine.scheduler import Work

if TYPE_CHECKING:
    from asl_engine.core import Core

Local = deque[Work]
"""Work that the current thread does next, instead of handing it to another."""

# AWS allows 25,000 events; the last ones are kept for the end.
_MAX_EVENTS = 24_990

# An ISO-8601 extended offset date-time as a Wait reads it: seconds and up to nine digits of
# their fraction are optional, the offset is not.
_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}(?::\d{2})?)(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})\Z"
)


class Interpreter:
    """Interprets states; see the module."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def step(self, track: Track, local: Local) -> tuple[Track, Call | None]:
        """Run states until a task is to be called or the track waits or is over.

        Returns:
            The track that goes on (an inner track's end goes on with its parent) and its call.
        """
        while True:
            phase = track.phase
            if track.execution.event_count >= _MAX_EVENTS and phase <= Phase.ENTERED:
                self._end_long(track)
                return track, None
            try:
                if phase is Phase.READY:
                    self._enter(track)
                elif phase is Phase.ENTERED:
                    call = self._perform(track, local)
                    if call is not None:
                        return track, call
                elif phase is Phase.RESULT:
                    self._settle_result(track)
                elif phase is Phase.FAILURE:
                    self._handle_failure(track)
                elif phase is Phase.DONE or phase is Phase.FAILED:
                    parent = self._over(track, local)
                    if parent is None:
                        return track, None
                    track = parent
                else:
                    return track, None
            except TaskError as error:
                self.fail(track, error)

    def fail(self, track: Track, error: TaskError) -> None:
        """The current state failed before or after its work."""
        if isinstance(error, EvaluationError):
            track.execution.add(
                track,
                "EvaluationFailed",
                details={
                    "error": error.error,
                    "cause": error.cause,
                    "location": error.location,
                    "state": track.state.name,
                },
            )
        else:
            track.execution.note(track, "_Failure", {"error": error.error, "cause": error.cause})
        track.error = (error.error, error.cause)
        track.phase = Phase.FAILURE

    def _enter(self, track: Track) -> None:
        state = track.state
        first = track.parent is not None and state.name == track.scope.start_at
        event = track.execution.add(
            track, state.entered_event, state.name, track.input_json if first else None
        )
        track.entered_at = event.at
        track.entered_event = event.id
        track.attempts = None
        track.token = None
        track.phase = Phase.ENTERED

    def _perform(self, track: Track, local: Local) -> Call | None:
        state = track.state
        match state:
            case program.TaskState():
                return tasks.begin(self.core, track, state)
            case program.PassState():
                self.leave(track, state.then, Scopes(track), track.input, track.input_json)
            case program.ChoiceState():
                self._choose(track, state)
            case program.ParallelState():
                forks.begin_parallel(self.core, track, state, local)
            case program.MapState():
                forks.begin_map(self.core, track, state, local)
            case program.WaitState():
                self._wait(track, state)
            case program.FailState():
                scopes = Scopes(track)
                error = _text(track, scopes, state.error)
                track.error = (error or "", _text(track, scopes, state.cause))
                track.phase = Phase.FAILED
        return None

    def _choose(self, track: Track, state: program.ChoiceState) -> None:
        scopes = Scopes(track)
        then = state.then
        for rule in state.rules:
            matched = scopes.evaluate(rule.condition)
            if matched is True:
                then = rule.then
                break
            if matched is not False:
                raise wrong_type(track, rule.condition, "boolean", matched)
        else:
            if not state.has_default:
                raise TaskError(
                    NO_CHOICE_MATCHED, f"No choice of the state '{state.name}' matched."
                )
        self.leave(track, then, scopes, track.input, track.input_json)

    def _wait(self, track: Track, state: program.WaitState) -> None:
        scopes = Scopes(track)
        core = self.core
        if state.seconds is not None:
            seconds = number(track, state.seconds, scopes.evaluate(state.seconds))
            until = track.entered_at + seconds
        else:
            assert state.timestamp is not None
            until = _epoch(track, state.timestamp, scopes.evaluate(state.timestamp))
        track.execution.note(track, "_Wait", {"until": until})
        track.until = until
        track.phase = Phase.WAITING
        core.wake_at(track, until)

    def woken(self, track: Track) -> None:
        """The Wait state's or the backoff's time is over."""
        if track.phase is Phase.BACKOFF:
            track.phase = Phase.ENTERED
        elif track.phase is Phase.WAITING:
            try:
                self.leave(track, track.state.then, Scopes(track), track.input, track.input_json)
            except TaskError as error:
                self.fail(track, error)

    def _settle_result(self, track: Track) -> None:
        scopes = Scopes(track)
        then = track.state.then
        if then.assign is not None or then.output is not None:
            scopes.add("result", track.result)
        # A Task's result is in the journal already; what a Parallel or a Map made is not.
        known = isinstance(track.state, program.TaskState)
        self.leave(track, then, scopes, track.result, track.result_json, known_default=known)

    def leave(
        self,
        track: Track,
        then: Transition,
        scopes: Scopes,
        default: Any,
        default_json: bytes,
        *,
        known_default: bool = True,
    ) -> None:
        """Evaluate Assign and Output, both with the old variables, and go to the next state.

        Without an Output, it is the default; `known_default` says whether a reader of the journal
        can tell the default by itself.
        """
        name = track.state.name
        assigned = None if then.assign is None else scopes.evaluate(then.assign)
        if then.output is None:
            output, output_json = default, default_json
        elif then.output.static:
            output, output_json = then.output.value, then.output.json
        else:
            output = scopes.evaluate(then.output)
            if output is default:
                output_json = default_json
            elif output is track.input:
                output_json = track.input_json
            else:
                output_json = encode_limited(output, f"The state '{name}' gave an output")
        variables = None
        if assigned:
            variables = {key: msgspec.Raw(encode(value)) for key, value in assigned.items()}
            if sum(len(value) for value in variables.values()) > MAX_PAYLOAD_BYTES:
                raise too_large(f"The state '{name}' assigned variables")
            # Not in place: the branches of a Parallel share what they were given.
            track.variables = {**track.variables, **assigned}
        track.execution.add(
            track,
            track.state.exited_event,
            name,
            None if known_default and output_json is default_json else output_json,
            variables,
            None if then.next is None else {"_next": then.next},
        )
        track.input, track.input_json = output, output_json
        track.result, track.result_json = None, b""
        track.fork = None
        if then.next is None:
            track.phase = Phase.DONE
        else:
            track.state = track.scope.states[then.next]
            track.phase = Phase.READY

    def _handle_failure(self, track: Track) -> None:
        state = track.state
        error, _ = track.error
        track.result, track.result_json = None, b""
        if isinstance(state, program.RetryableState):
            for index, retrier in enumerate(state.retry):
                if retrier.matches(error):
                    # Only the first retrier that matches counts, even when it is used up.
                    if self._retry(track, state, index, retrier):
                        return
                    break
            for catcher in state.catch:
                if catcher.matches(error):
                    self._catch(track, catcher)
                    return
        track.phase = Phase.FAILED

    def _catch(self, track: Track, catcher: program.Catcher) -> None:
        error, cause = track.error
        scopes = Scopes(track)
        output = {"Error": error} if cause is None else {"Error": error, "Cause": cause}
        scopes.add("errorOutput", output)
        try:
            self.leave(track, catcher.then, scopes, output, encode(output), known_default=False)
        except TaskError as second:
            # What goes wrong inside a catcher is not caught again.
            self.fail(track, second)
            track.phase = Phase.FAILED

    def _retry(
        self,
        track: Track,
        state: program.RetryableState,
        index: int,
        retrier: program.Retrier,
    ) -> bool:
        if track.attempts is None:
            track.attempts = [0] * len(state.retry)
        used = track.attempts[index]
        if used >= retrier.max_attempts:
            return False
        track.attempts[index] = used + 1
        try:
            delay = float(retrier.interval * retrier.backoff_rate**used)
        except OverflowError:
            delay = float("inf")
        # AWS caps what a retrier may wait; without a cap of its own a year is the longest.
        delay = min(delay, retrier.max_delay or 31_536_000.0)
        if retrier.full_jitter:
            delay = self.core.random.uniform(0.0, delay)
        until = self.core.clock.now() + delay
        track.execution.note(track, "_Retry", {"index": index, "until": until})
        track.fork = None
        if delay <= 0:
            track.phase = Phase.ENTERED
        else:
            track.until = until
            track.phase = Phase.BACKOFF
            self.core.wake_at(track, until)
        return True

    def _end_long(self, track: Track) -> None:
        """AWS ends an execution that has too many events, whatever its catchers say."""
        execution = track.execution
        cause = "The execution reached the maximum number of history events (25000)."
        self.core.silence(execution.root)
        execution.root.event = track.event
        execution.add(execution.root, "ExecutionFailed", details=_described(RUNTIME, cause))
        self.core.finish(execution, FAILED, error=RUNTIME, cause=cause)

    def _over(self, track: Track, local: Local) -> Track | None:
        """A track has ended: tell its parent, or end the execution."""
        if track.parent is not None:
            return forks.child_over(self.core, track, local)
        execution = track.execution
        if track.phase is Phase.DONE:
            execution.add(track, "ExecutionSucceeded")
            self.core.finish(execution, SUCCEEDED, output=track.input_json)
        else:
            error, cause = track.error
            execution.add(track, "ExecutionFailed", details=_described(error, cause))
            self.core.finish(execution, FAILED, error=error or None, cause=cause)
        return None


def _described(error: str, cause: str | None) -> dict[str, Any]:
    details = {"error": error} if error else {}
    return details if cause is None else {**details, "cause": cause}


def _text(track: Track, scopes: Scopes, field: Field | None) -> str | None:
    if field is None:
        return None
    value = scopes.evaluate(field)
    if not isinstance(value, str):
        raise wrong_type(track, field, "string", value)
    return value


def _epoch(track: Track, field: Field, value: Any) -> float:
    match = _TIMESTAMP.match(value) if isinstance(value, str) else None
    if match is not None:
        date, time, fraction, offset = match.groups()
        text = f"{date}T{time}{(fraction or '')[:7]}{offset.upper()}"
        try:
            return datetime.fromisoformat(text).astimezone(UTC).timestamp()
        except (ValueError, OverflowError):
            pass
    raise failed(
        track,
        field,
        f"The {field.name} field cannot be parsed as an ISO-8601 extended offset date-time format "
        f"string: {value if isinstance(value, str) else encode(value).decode():.200}",
    )
