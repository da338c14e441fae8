"""Task states: scheduling, calling the integration, tokens, timeouts and heartbeats."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asl_engine.codec import encode_limited
from asl_engine.context import Scopes, number
from asl_engine.errors import TaskError
from asl_engine.integrations.protocol import StartedChild, TaskRequest
from asl_engine.matching import HEARTBEAT_TIMEOUT, TIMEOUT
from asl_engine.program import Field, TaskState
from asl_engine.runtime import Call, Phase, Track
from asl_engine.tokens import make_token

if TYPE_CHECKING:
    from asl_engine.core import Core


def begin(core: Core, track: Track, state: TaskState) -> Call:
    """Schedule the task: evaluate its fields and write what recovery needs to call it again."""
    execution = track.execution
    if state.pattern:
        track.token = make_token(execution.record.arn)
    scopes = Scopes(track)
    arguments: Any = {} if state.arguments is None else scopes.evaluate(state.arguments)
    timeout = _seconds(track, scopes, state.timeout)
    heartbeat = _seconds(track, scopes, state.heartbeat)
    parameters = encode_limited(arguments, f"The state '{state.name}' gave parameters")
    details: dict[str, Any] = {**_labels(track), "region": execution.machine.region}
    if timeout is not None:
        details["timeoutInSeconds"] = timeout
    if heartbeat is not None:
        details["heartbeatInSeconds"] = heartbeat
    if track.token is not None:
        details["_token"] = track.token
    execution.add(track, "TaskScheduled", "", parameters, details=details)
    execution.add(track, "TaskStarted", details=_labels(track))
    track.call_arguments = arguments
    track.timeout = timeout
    track.heartbeat = heartbeat
    track.phase = Phase.CALLING
    return call(core, track, state, timeout)


def call(core: Core, track: Track, state: TaskState, remaining: float | None) -> Call:
    """Make the call of a scheduled task, now or after a restart.

    `remaining` is the number of seconds until the task times out.
    """
    track.serial += 1
    serial = track.serial
    if state.waits_for_token:
        core.add_token(track)
        watch_heartbeat(core, track)
    if remaining is not None:
        core.add_task_timeout(track, remaining)
    request = TaskRequest(
        arguments=track.call_arguments,
        resource=state.resource,
        pattern=state.pattern,
        token=track.token,
        execution_arn=track.execution.record.arn,
        state_name=state.name,
        event_id=track.event,
        track=track.id,
    )
    core.check_effect(track, request)
    return Call(serial, partial(core.invoke, request))


def watch_heartbeat(core: Core, track: Track) -> None:
    """Start to expect heartbeats, if the task has HeartbeatSeconds."""
    if track.heartbeat is not None:
        track.heartbeat_at = core.clock.now()
        core.add_timer(
            track,
            track.heartbeat,
            partial(core.check_heartbeat, track, track.serial),
        )


def returned(core: Core, track: Track, outcome: Any) -> StartedChild | None:
    """The integration has answered: note it in the history and set what comes next.

    Returns:
        The child execution that the track now waits for, if it started one.
    """
    state = track.state
    assert isinstance(state, TaskState)
    if isinstance(outcome, TaskError):
        fail(core, track, outcome.error, outcome.cause)
        return None
    child = outcome if isinstance(outcome, StartedChild) else None
    value = outcome.output if child is not None else outcome
    try:
        result = encode_limited(value, f"The task '{state.name}' returned a result")
    except TaskError as error:
        fail(core, track, error.error, error.cause)
        return None
    if not state.pattern:
        succeed(core, track, value, result)
        return None
    details = _labels(track)
    if child is not None:
        details["_child"] = child.arn
        track.child_arn = child.arn
        track.execution.children[child.arn] = track
    track.execution.add(track, "TaskSubmitted", "", result, details=details)
    track.phase = Phase.SUBMITTED
    return child


def succeed(core: Core, track: Track, value: Any, result: bytes) -> None:
    """The task has its result."""
    _clear(core, track)
    track.execution.add(track, "TaskSucceeded", "", result, details=_labels(track))
    track.result, track.result_json = value, result
    track.phase = Phase.RESULT


def fail(core: Core, track: Track, error: str, cause: str | None) -> None:
    """The task has failed or timed out."""
    _clear(core, track)
    details = {**_labels(track), "error": error}
    if cause is not None:
        details["cause"] = cause
    timed_out = error in {TIMEOUT, HEARTBEAT_TIMEOUT}
    track.execution.add(track, "TaskTimedOut" if timed_out else "TaskFailed", details=details)
    track.error = (error, cause)
    track.phase = Phase.FAILURE


def _clear(core: Core, track: Track) -> None:
    track.serial += 1
    track.call_arguments = None
    core.release(track)
    if track.child_arn is not None:
        track.execution.children.pop(track.child_arn, None)
        track.child_arn = None


def _labels(track: Track) -> dict[str, Any]:
    """What every event of a task names."""
    state = track.state
    assert isinstance(state, TaskState)
    return {"resourceType": state.resource_type, "resource": state.action}


def _seconds(track: Track, scopes: Scopes, field: Field | None) -> float | None:
    if field is None:
        return None
    return number(track, field, scopes.evaluate(field), least=1)
