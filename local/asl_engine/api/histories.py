"""GetExecutionHistory: an execution's events, page by page, in either direction."""

from __future__ import annotations

from typing import Any

from asl_engine.api.executions import Executions
from asl_engine.api.paging import Pager
from asl_engine.engine import Engine

_DATA = frozenset(
    {
        "input", "inputDetails", "output", "outputDetails", "assignedVariables",
        "assignedVariablesDetails",
    }
)  # fmt: skip


class Histories:
    """The operation on histories; made once per API."""

    def __init__(self, engine: Engine, executions: Executions) -> None:
        self._engine = engine
        self._executions = executions

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetExecutionHistory.

        A position is the id of the next event, so that events which come while somebody reads
        move nothing.
        """
        arn = self._executions.record(request["executionArn"]).arn
        pager = Pager("GetExecutionHistory", request)
        events = self._engine.history(arn)
        count = len(events)
        limit = pager.limit
        if request.get("reverseOrder", False):
            first = min(pager.number(count), count)
            shown = events[max(first - limit, 0) : first][::-1]
            token = pager.token(first - limit) if first > limit else None
        else:
            first = max(pager.number(1), 1)
            shown = events[first - 1 : first - 1 + limit]
            token = pager.token(first + limit) if first - 1 + limit < count else None
        if not request.get("includeExecutionData", True):
            shown = [without_data(event) for event in shown]
        return {"events": shown, "nextToken": token}


def without_data(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what flowed through it."""
    stripped = dict(event)
    for key, details in event.items():
        if key.endswith("EventDetails"):
            left = {name: value for name, value in details.items() if name not in _DATA}
            if "parameters" in left:
                # A required member of its shape.
                left["parameters"] = ""
            stripped[key] = left
    return stripped
