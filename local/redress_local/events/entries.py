"""From PutEvents entries to EventBridge's envelopes, and the names of their deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from redress_local.events.errors import InvalidEventError
from redress_local.template_values import ACCOUNT, REGION

MAX_EVENT_BYTES = 262_144
"""The largest event: what Step Functions takes as an input."""

_MAX_DETAIL_TYPE = 128


def to_envelope(entry: Mapping[str, Any], event_id: str, now: float) -> dict[str, Any]:
    """Make an event of an entry.

    Args:
        entry: Source, DetailType, Detail (an object or its JSON text), Resources, Time.
        event_id: The event's id.
        now: Epoch seconds, for an entry without a Time.

    Raises:
        InvalidEventError: It is no event, or too large.
    """
    detail = entry.get("Detail")
    if isinstance(detail, str):
        try:
            detail = msgspec.json.decode(detail)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidEventError(f"the event's detail is not JSON: {error}") from None
    if not isinstance(detail, Mapping):
        raise InvalidEventError("the event's detail is an object")
    texts = {key: entry.get(key) for key in ("Source", "DetailType")}
    for key, value in texts.items():
        if not isinstance(value, str) or not value:
            raise InvalidEventError(f"the event's {key} is a text that is not empty")
    if len(entry["DetailType"]) > _MAX_DETAIL_TYPE:
        raise InvalidEventError(f"the event's DetailType has at most {_MAX_DETAIL_TYPE} characters")
    resources = entry.get("Resources") or []
    if not isinstance(resources, list):
        raise InvalidEventError("the event's Resources are a list")
    at = entry.get("Time")
    envelope = {
        "version": "0",
        "id": event_id,
        "detail-type": texts["DetailType"],
        "source": texts["Source"],
        "account": ACCOUNT,
        "time": at if isinstance(at, str) else stamp(now),
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }
    try:
        size = len(msgspec.json.encode(envelope))
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidEventError(f"the event is not JSON: {error}") from None
    if size > MAX_EVENT_BYTES:
        raise InvalidEventError(f"the event has {size} bytes; a bus takes {MAX_EVENT_BYTES}")
    return envelope


def delivery_name(event: Mapping[str, Any], rule: str, target: str, via: Sequence[str] = ()) -> str:
    """A name for one event at one target: equal for every attempt, new for every replay.

    Args:
        event: The event.
        rule: The rule's name.
        target: The target's id.
        via: The buses that the event came by: another bus may have a rule of the same name.
    """
    seed = "\n".join((rule, target, str(event.get("replay-name", "")), *via))
    return f"{event['id']}-{hashlib.sha256(seed.encode()).hexdigest()[:8]}"


def stamp(at: float) -> str:
    """Epoch seconds as EventBridge writes times: UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
