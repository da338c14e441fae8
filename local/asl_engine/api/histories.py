"""GetExecutionHistory: an execution's events, page by page, in either direction."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from asl_engine.api.executions import Executions
from asl_engine.api.paging import Pager
from asl_engine.engine import Engine
from asl_engine.history_cursor import HistoryCursor
from asl_engine.journal.records import ExecutionRecord
from asl_engine.redrive import event_count

_DATA = frozenset(
    {
        "input", "inputDetails", "output", "outputDetails", "assignedVariables",
        "assignedVariablesDetails",
    }
)  # fmt: skip

_CURSORS = 16


class Histories:
    """The operation on histories; made once per API."""

    def __init__(self, engine: Engine, executions: Executions) -> None:
        self._engine = engine
        self._executions = executions
        self._lock = threading.Lock()
        # Where readers of pages stopped: whoever asks for the next page goes on from there.
        self._cursors: OrderedDict[tuple[int, int], HistoryCursor] = OrderedDict()

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetExecutionHistory.

        A position is the id of the next event, so that events which come while somebody reads
        move nothing.
        """
        record = self._executions.record(request["executionArn"])
        pager = Pager("GetExecutionHistory", request)
        if request.get("reverseOrder", False):
            shown, token = self._backward(record, pager)
        else:
            shown, token = self._forward(record, pager)
        if not request.get("includeExecutionData", True):
            shown = [without_data(event) for event in shown]
        return {"events": shown, "nextToken": token}

    def _forward(
        self, record: ExecutionRecord, pager: Pager
    ) -> tuple[list[dict[str, Any]], str | None]:
        first = max(pager.number(1), 1)
        with self._lock:
            cursor = self._cursors.pop((record.key, first), None)
        if cursor is None:
            cursor = HistoryCursor(self._engine.journal, record)
            cursor.skip_to(first)
        shown = cursor.take(pager.limit)
        if cursor.at_end():
            return shown, None
        with self._lock:
            self._cursors[record.key, cursor.next_id] = cursor
            if len(self._cursors) > _CURSORS:
                self._cursors.popitem(last=False)
        return shown, pager.token(cursor.next_id)

    def _backward(
        self, record: ExecutionRecord, pager: Pager
    ) -> tuple[list[dict[str, Any]], str | None]:
        journal = self._engine.journal
        last = pager.number(0) or event_count(journal, record)
        first = max(last - pager.limit + 1, 1)
        cursor = HistoryCursor(journal, record)
        cursor.skip_to(first)
        shown = cursor.take(max(last - first + 1, 0))
        return shown[::-1], pager.token(first - 1) if first > 1 else None


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
