"""Who hears of the events of executions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from asl_engine.history import HistoryReader
from asl_engine.journal.records import Event, ExecutionRecord, Journal
from asl_engine.runtime import RUNNING

_log = logging.getLogger(__name__)

Listener = Callable[[str, dict[str, Any]], None]
"""Gets an execution's ARN and an event as GetExecutionHistory shows it, once it is durable."""


class Listeners:
    """The listeners of one engine.

    Attributes:
        readers: What turns the events of each execution that runs into AWS's, by ARN.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._listeners: tuple[Listener, ...] = ()
        self.readers: dict[str, HistoryReader] = {}

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener of everything from now on; returns what ends that."""
        self._listeners = (*self._listeners, listener)

        def remove() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return remove

    def tell(self, record: ExecutionRecord, events: Sequence[Event]) -> None:
        """Tell of a batch of events; called with the execution's lock held."""
        reader = self.readers.get(record.arn)
        if reader is None:
            reader = self.readers[record.arn] = HistoryReader(record)
            if events[0].id != 1:
                # Subscribed to an execution that runs already: learn what flows in it.
                for _, batch in self._journal.batches(record.key):
                    if batch[0] == events[0]:
                        break
                    reader.skip(batch)
        for event in reader.read(events):
            for listener in self._listeners:
                try:
                    listener(record.arn, event)
                except Exception:  # noqa: BLE001 - see below
                    # An onlooker must not change what it looks at.
                    _log.exception("a listener failed")
        if record.status != RUNNING:
            self.readers.pop(record.arn, None)
