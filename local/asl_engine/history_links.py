"""Which event AWS shows as the one before: not always the one that an event followed.

As recorded from AWS: the first state's entry has no event before it; the end of a Map iteration
that failed or was aborted, and the success of a Map or a Parallel, are shown but nothing follows
them (what comes next follows what they followed); a failed evaluation follows what its state's
entry followed.
"""

from __future__ import annotations

from asl_engine.journal.records import Event

_SIDE_EVENTS = frozenset(
    {
        "MapIterationFailed",
        "MapIterationAborted",
        "MapStateSucceeded",
        "ParallelStateSucceeded",
    }
)


class Links:
    """The `previousEventId` of an execution's events, given in order."""

    def __init__(self) -> None:
        self._instead: dict[int, int] = {1: 0}
        self._entered: dict[int, int] = {}

    def previous(self, event: Event) -> int:
        """What AWS shows as the event before this one."""
        kind = event.type
        shown = self._instead.get(event.previous, event.previous)
        if kind == "EvaluationFailed":
            return self._entered.get(event.track, shown)
        if kind.endswith("StateEntered"):
            self._entered[event.track] = shown
        elif kind in _SIDE_EVENTS:
            self._instead[event.id] = shown
        return shown
