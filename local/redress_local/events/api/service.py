"""The EventBridge API over an event bus."""

from __future__ import annotations

from typing import Any

from asl_engine.api.protocol import JsonAnswer, JsonService

from redress_local.events.api.archives import ArchiveOperations
from redress_local.events.api.buses import Buses
from redress_local.events.api.errors import answering
from redress_local.events.api.put_events import PutEvents
from redress_local.events.api.rules import RuleOperations
from redress_local.events.bus import EventBus


class EventsApi:
    """Serves EventBridge's operations; safe to call from any thread."""

    def __init__(self, bus: EventBus) -> None:
        buses = Buses(bus)
        self._events = PutEvents(bus)
        operations = {
            **self._events.operations(),
            **buses.operations(),
            **RuleOperations(bus, buses).operations(),
            **ArchiveOperations(bus).operations(),
        }
        self._service = JsonService(
            "events", {name: answering(operation) for name, operation in operations.items()}
        )

    def put_events(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """PutEvents from within: what a state machine's `events:putEvents` calls.

        Args:
            entries: As PutEvents takes them; Detail may be an object.

        Returns:
            FailedEntryCount and Entries.
        """
        return self._events.put(entries)

    def handle(self, target: str, body: bytes) -> JsonAnswer:
        """Answer one request; never raises. It may block: call it in a thread.

        Args:
            target: The `X-Amz-Target` header: `AWSEvents.PutEvents`.
            body: The request's body.
        """
        return self._service.handle(target, body)
