"""Publishing to an EventBridge bus."""

import time
from collections.abc import Callable
from typing import Any

from redress.adapters.aws.clients import AWS_ERRORS, client, translated
from redress.errors import DependencyUnavailableError
from redress.models.base import dump_json

SOURCE = "redress"

_PAUSES_SECONDS = (0.1, 0.4)


class EventBridgePublisher:
    """An `EventPublisher` on one bus.

    PutEvents answers 200 also when it refused an entry, so the entry is looked at and sent again.
    """

    def __init__(
        self, bus_name: str, events: Any = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Use a bus; `events` is a low-level client, by default this process's own."""
        self._bus = bus_name
        self._events = events or client("events")
        self._sleep = sleep

    def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put one event.

        Raises:
            DependencyUnavailableError: the bus did not accept it, not even on the third try.
        """
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": dump_json(detail).decode(),
        }
        code = self._put(entry)
        for pause in _PAUSES_SECONDS:
            if code is None:
                return
            self._sleep(pause)
            code = self._put(entry)
        if code is not None:
            raise DependencyUnavailableError(f"{self._bus} refused {detail_type}: {code}")

    def _put(self, entry: dict[str, str]) -> str | None:
        """Return why the bus refused the entry, None if it did not."""
        try:
            answer = self._events.put_events(Entries=[entry])
        except AWS_ERRORS as error:
            raise translated(error, self._bus) from error
        if not answer.get("FailedEntryCount"):
            return None
        return str(answer["Entries"][0].get("ErrorCode", "unknown"))
