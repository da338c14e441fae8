"""Parallel and Map: starting child tracks, joining them, and failing fast."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asl_engine import children
from asl_engine.codec import MAX_PAYLOAD_BYTES, encode, encode_limited, too_large
from asl_engine.context import Scopes, context_object, failed, number, wrong_type
from asl_engine.matching import EXCEED_TOLERATED_FAILURE
from asl_engine.program import Field, MapState, ParallelState
from asl_engine.runtime import Fork, Phase, Track

if TYPE_CHECKING:
    from asl_engine.core import Core
    from asl_engine.interpreter import Local

_THRESHOLD = "The specified tolerated failure threshold was exceeded"
_ABORTABLE = frozenset({"Task", "Wait", "Parallel", "Map"})


def begin_parallel(core: Core, track: Track, state: ParallelState, local: Local) -> None:
    """Start the branches of a Parallel."""
    open_parallel(track, state)
    _start(core, track, local)


def begin_map(core: Core, track: Track, state: MapState, local: Local) -> None:
    """Start the iterations of a Map."""
    open_map(track, state)
    _start(core, track, local)


def _start(core: Core, track: Track, local: Local) -> None:
    if track.fork is not None and not track.fork.inputs:
        _join(track)
    start_children(core, track, local)


def open_parallel(track: Track, state: ParallelState) -> Fork:
    """Evaluate a Parallel's fields and fork its track, with no branch started yet."""
    execution = track.execution
    value, payload = track.input, None
    if state.arguments is not None:
        value = Scopes(track).evaluate(state.arguments)
        payload = encode_limited(value, f"The state '{state.name}' gave arguments")
    count = len(state.branches)
    first = _reserve(track, count)
    event = execution.add(
        track, "ParallelStateStarted", "", payload, details={"_first": first, "_count": count}
    )
    track.fork = Fork(
        list(state.branches),
        [value] * count,
        is_map=False,
        limit=0,
        tolerated=None,
        first_track=first,
        started_event=event.id,
    )
    track.phase = Phase.FORKED
    return track.fork


def open_map(track: Track, state: MapState) -> Fork:
    """Evaluate a Map's fields and fork its track, with no iteration started yet."""
    scopes = Scopes(track)
    items = _items(track, state, scopes)
    limit = _number_of(track, scopes, state.max_concurrency)
    inputs = items
    if state.item_selector is not None:
        inputs = _select(track, state.item_selector, items)
    count = len(items)
    first = _reserve(track, count)
    tolerated = _tolerated(track, state, scopes, count)
    event = track.execution.add(
        track,
        "MapStateStarted",
        "",
        encode(inputs),
        details={"length": count, "_first": first, "_limit": limit, "_tolerated": tolerated},
    )
    track.fork = Fork(
        [state.processor] * count,
        inputs,
        is_map=True,
        limit=limit,
        tolerated=tolerated,
        first_track=first,
        started_event=event.id,
    )
    track.phase = Phase.FORKED
    return track.fork


def start_children(core: Core, track: Track, local: Local) -> None:
    """Start as many children as the fork may run at a time.

    The first goes on in this thread; others that call tasks get threads of their own.
    """
    fork = track.fork
    if fork is None:
        return
    first = True
    while fork.started < len(fork.inputs) and (not fork.limit or fork.active < fork.limit):
        child = make_child(track, fork, fork.started)
        fork.started += 1
        fork.active += 1
        if fork.is_map:
            child.execution.add(
                child,
                "MapIterationStarted",
                details={"name": track.state.name, "index": child.index},
            )
        run_child(core, child, local, beside=not first)
        first = False


def run_child(core: Core, child: Track, local: Local, *, beside: bool) -> None:
    """Let a child run, in this thread or, if it can take time, in another."""
    if beside and core.scheduler.concurrent and child.scope.has_tasks:
        core.scheduler.submit(partial(core.drive, child))
    else:
        local.append(partial(core.run_track, child, local))


def make_child(track: Track, fork: Fork, index: int) -> Track:
    """A child track at its start."""
    value = fork.inputs[index]
    payload = track.input_json if value is track.input else encode(value)
    child = Track(
        track.execution,
        fork.first_track + index,
        fork.scopes[index],
        value,
        payload,
        track.variables,
        parent=track,
        index=index,
        event=fork.started_event,
    )
    fork.children[index] = child
    return child


def child_over(core: Core, child: Track, local: Local) -> Track | None:
    """A child has ended.

    Returns:
        The parent, if it goes on now.
    """
    parent = child.parent
    assert parent is not None
    fork = parent.fork
    assert fork is not None
    execution = child.execution
    succeeded = child.phase is Phase.DONE
    if fork.is_map:
        details: dict[str, Any] = {"name": parent.state.name, "index": child.index}
        if not succeeded:
            details["_error"], details["_cause"] = child.error
        execution.add(
            child,
            "MapIterationSucceeded" if succeeded else "MapIterationFailed",
            details=details,
        )
    fork.active -= 1
    fork.finished += 1
    parent.event = child.event
    if not succeeded:
        fork.failed += 1
        if fork.tolerated is None:
            fail_fork(core, parent, *child.error)
            return parent
        if fork.failed > fork.tolerated:
            exceed_threshold(core, parent)
            return parent
        # The iteration's place in the result says what became of it.
        error, cause = child.error
        child.input = {"Error": error, "Cause": cause or "", "Status": "FAILED"}
        child.input_json = encode(child.input)
    if fork.finished == len(fork.inputs):
        _join(parent)
        return parent
    start_children(core, parent, local)
    return None


def _join(track: Track) -> None:
    """All children are over: their outputs, in order, are the state's result."""
    fork = track.fork
    assert fork is not None
    children = [fork.children[index] for index in range(len(fork.inputs))]
    track.execution.add(track, f"{track.state.type}StateSucceeded")
    track.result = [child.input for child in children]
    track.result_json = b"[" + b",".join([child.input_json for child in children]) + b"]"
    track.phase = Phase.RESULT
    if len(track.result_json) > MAX_PAYLOAD_BYTES:
        error = too_large(f"The state '{track.state.name}' returned a result")
        details = {"error": error.error, "cause": error.cause}
        track.execution.note(track, "_Failure", details)
        track.error = (error.error, error.cause)
        track.phase = Phase.FAILURE


def exceed_threshold(core: Core, parent: Track) -> None:
    """More iterations of a Map have failed than it tolerates."""
    fail_fork(core, parent, EXCEED_TOLERATED_FAILURE, _THRESHOLD)


def fail_fork(core: Core, parent: Track, error: str, cause: str | None) -> None:
    """Fail a forked state, and stop what still runs of its children."""
    fork = parent.fork
    assert fork is not None
    failing = parent.event
    for child in fork.children.values():
        if child.phase not in (Phase.DONE, Phase.FAILED):
            abort(core, child)
    parent.event = failing
    parent.execution.add(
        parent,
        f"{parent.state.type}StateFailed",
        details={"_error": error, "_cause": cause},
    )
    parent.error = (error, cause)
    parent.phase = Phase.FAILURE


def abort(core: Core, track: Track) -> None:
    """Stop a track and all under it, with the events that AWS shows for that."""
    track.dead = True
    track.serial += 1
    core.release(track)
    children.stop(core, track)
    fork = track.fork
    if track.phase is Phase.FORKED and fork is not None:
        for child in fork.children.values():
            if child.phase not in (Phase.DONE, Phase.FAILED):
                abort(core, child)
    if track.phase is not Phase.READY and track.state.type in _ABORTABLE:
        track.execution.add(track, f"{track.state.type}StateAborted")
    parent = track.parent
    if parent is not None and parent.fork is not None and parent.fork.is_map:
        track.execution.add(
            track,
            "MapIterationAborted",
            details={"name": parent.state.name, "index": track.index},
        )


def _reserve(track: Track, count: int) -> int:
    execution = track.execution
    first = execution.tracks
    execution.tracks += count
    return first


def _items(track: Track, state: MapState, scopes: Scopes) -> list[Any]:
    if state.items is None:
        value = track.input
        if isinstance(value, list):
            return value
        shown = encode(value).decode()
        raise failed(track, _INPUT, f"Map state input must be an array but was: {shown:.1000}")
    value = scopes.evaluate(state.items)
    if isinstance(value, list):
        return value
    raise wrong_type(track, state.items, "array", value)


class _InputField:
    name = "Items"


_INPUT: Any = _InputField()


def _select(track: Track, selector: Field, items: list[Any]) -> list[Any]:
    """The ItemSelector over every item, with the item in the context object."""
    selected = []
    context = context_object(track)
    for index, value in enumerate(items):
        scopes = Scopes(track)
        scopes.add("context", {**context, "Map": {"Item": {"Index": index, "Value": value}}})
        selected.append(scopes.evaluate(selector))
    return selected


def _number_of(track: Track, scopes: Scopes, field: Field | None) -> int:
    return 0 if field is None else number(track, field, scopes.evaluate(field))


def _tolerated(track: Track, state: MapState, scopes: Scopes, count: int) -> int | None:
    """How many iterations may fail; None without a threshold, where the first one is fatal."""
    if state.tolerated_count is None and state.tolerated_percentage is None:
        return None
    allowed = [_number_of(track, scopes, state.tolerated_count)] if state.tolerated_count else []
    field = state.tolerated_percentage
    if field is not None:
        percentage = number(track, field, scopes.evaluate(field))
        if percentage > 100:
            raise failed(track, field, "ToleratedFailurePercentage must be 0 to 100.")
        allowed.append(count * percentage // 100)
    # Both may be given: exceeding either fails the state.
    return min(allowed)
