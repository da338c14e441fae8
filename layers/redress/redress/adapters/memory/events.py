"""An event bus in memory, for tests and dry runs."""

from typing import Any, NamedTuple

from redress.models.base import dump


class PublishedEvent(NamedTuple):
    """One event as a consumer would see it."""

    detail_type: str
    detail: dict[str, Any]


class MemoryPublisher:
    """An `EventPublisher` that keeps its events in `published`."""

    def __init__(self) -> None:
        self.published: list[PublishedEvent] = []

    def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Keep one event."""
        self.published.append(PublishedEvent(detail_type, dump(detail)))

    def of(self, detail_type: str) -> list[dict[str, Any]]:
        """Return the details of all events of one type."""
        return [event.detail for event in self.published if event.detail_type == detail_type]
