"""Reading an execution's history a part at a time, without reading what was read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from asl_engine.history import HistoryReader
from asl_engine.journal.records import Event, ExecutionRecord, Journal


class HistoryCursor:
    """A place in an execution's history, which only goes forward.

    It can wait for events that do not exist yet: a history only grows.

    Attributes:
        next_id: The id of the event that comes next.
    """

    def __init__(self, journal: Journal, record: ExecutionRecord) -> None:
        self.next_id = 1
        self._journal = journal
        self._key = record.key
        self._reader = HistoryReader(record)
        self._sequence = 0
        self._left: deque[Event] = deque()

    def skip_to(self, event_id: int) -> None:
        """Go on to an event, or to the end if there is no such event yet."""
        self._reader.skip(islice(self._events(), max(event_id - self.next_id, 0)))

    def take(self, count: int) -> list[dict[str, Any]]:
        """The next events as GetExecutionHistory shows them, at most so many."""
        return list(self._reader.read(islice(self._events(), count)))

    def at_end(self) -> bool:
        """Whether no event follows, at the time."""
        if not self._left:
            next(self._batches(), None)
        return not self._left

    def _events(self) -> Iterator[Event]:
        yield from self._pop()
        for _ in self._batches():
            yield from self._pop()

    def _batches(self) -> Iterator[None]:
        """Read batch after batch, past those that hold only the engine's notes."""
        for sequence, events in self._journal.batches(self._key, self._sequence):
            self._sequence = sequence + 1
            self._left.extend(event for event in events if event.id)
            if self._left:
                yield

    def _pop(self) -> Iterator[Event]:
        while self._left:
            event = self._left.popleft()
            self.next_id = event.id + 1
            yield event
