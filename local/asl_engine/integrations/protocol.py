"""What an integration gets and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_engine.runtime import Track


@dataclass(slots=True)
class TaskRequest:
    """One call of a task.

    Attributes:
        arguments: The evaluated Arguments.
        resource: The Resource without its pattern suffix.
        pattern: `""`, `".waitForTaskToken"`, `".sync"` or `".sync:2"`.
        token: The task token, for the patterns that have one.
        execution_arn: Who calls.
        state_name: The Task state.
        event_id: The id of the TaskStarted event: with the ARN, it names this attempt for ever.
        track: The calling track's number.
    """

    arguments: Any
    resource: str
    pattern: str
    token: str | None
    execution_arn: str
    state_name: str
    event_id: int
    track: int


@dataclass(slots=True)
class StartedChild:
    """The child execution that a `.sync` task started, and what starting it returned.

    `root` is its first track, yet to be run; None if the child was started before.
    """

    arn: str
    output: dict[str, Any]
    root: Track | None


Integration = Callable[[TaskRequest], Any]
"""Runs a task and returns its result, JSON-compatible; raises `TaskError` to fail it.

It may be called again for the same attempt after a crash, never after its result was kept.
"""
