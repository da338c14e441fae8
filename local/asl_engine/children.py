"""Child executions: how the tasks that wait for them hear of their ends, and stop them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from asl_engine import tasks
from asl_engine.codec import decode, encode
from asl_engine.journal.records import ExecutionRecord
from asl_engine.matching import TASK_FAILED
from asl_engine.program import TaskState
from asl_engine.runtime import ABORTED, SUCCEEDED, Phase, Track

if TYPE_CHECKING:
    from asl_engine.core import Core
    from asl_engine.integrations.protocol import StartedChild
    from asl_engine.interpreter import Local


def follow(core: Core, child: StartedChild, local: Local) -> None:
    """Run a child that a track waits for, or hear how it has ended."""
    if child.root is not None:
        core.run_track(child.root, local)
    else:
        hear(core, child.arn, local)


def hear(core: Core, arn: str, local: Local) -> None:
    """Tell the parent of a child that has ended already; others tell it when they end."""
    if arn not in core.live:
        record = core.journal.record(arn)
        if record is not None:
            ended(core, record, local)


def ended(core: Core, record: ExecutionRecord, local: Local) -> None:
    """Hand a finished child's result to the task that waits for it."""
    parent = core.live.get(record.parent.partition("#")[0])
    if parent is None:
        return
    with parent.lock:
        track = parent.children.get(record.arn)
        if track is None or parent.done or track.dead or track.phase is not Phase.SUBMITTED:
            return
        state = track.state
        assert isinstance(state, TaskState)
        described = describe_child(record, parse=state.pattern == ".sync:2")
        if record.status == SUCCEEDED:
            tasks.succeed(core, track, described, encode(described))
        else:
            tasks.fail(core, track, TASK_FAILED, encode(described).decode())
        core.commit(parent, local)
    # Later, not now: a chain of children must not become a chain of calls.
    local.append(partial(core.run_track, track, local))


def stop(core: Core, track: Track) -> None:
    """Stop the child execution that the track waits for, if any."""
    if track.child_arn is None:
        return
    child = core.live.get(track.child_arn)
    track.execution.children.pop(track.child_arn, None)
    track.child_arn = None
    if child is not None:
        cause = "The parent no longer waits."
        # Not here: the caller holds the parent's lock, and locks are never nested.
        core.scheduler.submit(
            partial(core.end_now, child, ABORTED, None, cause, "ExecutionAborted")
        )


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
