"""What an event that may be malformed says of itself."""

import hashlib
import json
from typing import Any, NamedTuple

import msgspec

from redress.models.base import Identifier


class Incoming(NamedTuple):
    """The ids of an event; None where they are absent or odd."""

    case_id: str | None
    order_id: str | None
    customer_id: str | None


def read_incoming(event: Any) -> Incoming:
    """Read the ids of an EventBridge event, given as data or as JSON text."""
    if isinstance(event, str):
        try:
            event = json.loads(event)
        except (ValueError, RecursionError):
            event = None
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        return Incoming(None, None, None)
    return Incoming(*(_identifier(detail.get(name)) for name in Incoming._fields))


def event_digest(event: Any, execution_id: str) -> str:
    """Return the SHA-256 of an event; of the execution's id where the event is beyond hashing."""
    try:
        text = json.dumps(event, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        text = execution_id
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _identifier(value: Any) -> str | None:
    try:
        return msgspec.convert(value, Identifier)
    except msgspec.ValidationError:
        return None
