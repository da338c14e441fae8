"""PutEvents and TestEventPattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from redress_local.events.api.errors import Operation, invalid
from redress_local.events.bus import EventBus
from redress_local.events.entries import stamp
from redress_local.events.errors import EventsError, InvalidPatternError
from redress_local.events.patterns import compile_pattern

MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 1_048_576
_REQUIRED = ("Source", "DetailType", "Detail")
_EVENT_FIELDS = ("id", "detail-type", "source", "account", "time", "region", "resources")


class PutEvents:
    """Operations on events."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def operations(self) -> dict[str, Operation]:
        """By AWS's names."""
        return {"PutEvents": self.put_events, "TestEventPattern": self.test_event_pattern}

    def put_events(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Accept what can be accepted, and tell for each entry its id or what is wrong."""
        entries: list[dict[str, Any]] = request["Entries"]
        if len(entries) > MAX_ENTRIES:
            raise invalid(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_ENTRIES}"
            )
        if sum(map(_size, entries)) > MAX_REQUEST_BYTES:
            raise invalid("Total size of the entries in the request is over the limit.")
        return self.put(entries)

    def put(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Accept what can be accepted of entries whose Detail is an object or its JSON text."""
        answers: list[dict[str, str]] = []
        good: list[dict[str, Any]] = []
        for entry in entries:
            read, problem = _read(entry)
            answers.append(problem)
            if not problem:
                good.append(read)
        results = iter(self._bus.put_each(good))
        for answer in answers:
            if answer:
                continue
            result = next(results)
            if isinstance(result, EventsError):
                answer.update(ErrorCode="InvalidArgument", ErrorMessage=str(result))
            else:
                answer["EventId"] = result
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def test_event_pattern(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Whether a pattern matches an event, both as JSON text."""
        pattern = read_pattern(request["EventPattern"])
        try:
            event = msgspec.json.decode(request["Event"])
        except (msgspec.DecodeError, RecursionError):
            raise invalid("Parameter Event is not valid. Reason: not JSON") from None
        if not isinstance(event, dict):
            raise invalid("Parameter Event is not valid. Reason: not an object")
        missing = [field for field in _EVENT_FIELDS if field not in event]
        if missing:
            raise invalid(f"Parameter Event is not valid. Reason: it lacks {', '.join(missing)}")
        return {"Result": compile_pattern(pattern)(event)}


def read_pattern(text: str) -> dict[str, Any]:
    """An event pattern from its JSON text.

    Raises:
        InvalidPatternError: It is no JSON object, or EventBridge would refuse it.
    """
    try:
        pattern = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidPatternError("Invalid JSON") from None
    compile_pattern(pattern)
    assert isinstance(pattern, dict)
    return pattern


def _read(entry: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """An entry as the bus takes it, parsed once, and what is wrong with it."""
    for field in _REQUIRED:
        if not entry.get(field) and entry.get(field) != {}:
            reason = f"Parameter {field} is not valid. Reason: {field} is a required argument."
            return {}, {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    detail = entry["Detail"]
    if isinstance(detail, str):
        try:
            detail = msgspec.json.decode(detail)
        except (msgspec.DecodeError, RecursionError):
            detail = None
    if not isinstance(detail, dict):
        return {}, {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    read = {**entry, "Detail": detail}
    at = entry.get("Time")
    if isinstance(at, datetime):
        read["Time"] = stamp(at.timestamp())
    return read, {}


def _size(entry: dict[str, Any]) -> int:
    """The size of an entry as AWS's documentation counts it."""
    texts = [entry.get(field) or "" for field in _REQUIRED] + list(entry.get("Resources") or ())
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)
