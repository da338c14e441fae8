"""Fits a template's values to an API's types, as CloudFormation does: "90" becomes 90."""

from __future__ import annotations

import json
from typing import Any

_INTEGERS = frozenset({"integer", "long"})
_FLOATS = frozenset({"float", "double"})


def coerce(shape: Any, value: Any) -> Any:
    """Fit a value to a shape of a botocore service model.

    What does not fit is returned as it is: the client's own validation names it.

    Args:
        shape: A `botocore.model.Shape`.
        value: Plain data.
    """
    kind = shape.type_name
    if isinstance(value, dict):
        if kind == "structure":
            members = shape.members
            return {
                key: coerce(members[key], item) if key in members else item
                for key, item in value.items()
            }
        if kind == "map":
            return {key: coerce(shape.value, item) for key, item in value.items()}
        # Policies and patterns are objects in templates and text in APIs.
        return json.dumps(value) if kind == "string" else value
    if isinstance(value, list):
        return [coerce(shape.member, item) for item in value] if kind == "list" else value
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if isinstance(value, str):
        try:
            if kind in _INTEGERS:
                return int(value)
            if kind in _FLOATS:
                return float(value)
        except ValueError:
            return value
        if kind == "boolean" and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        return value.encode() if kind == "blob" else value
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, (int, float)):
        return str(value)
    return value


def text(value: Any) -> str:
    """A scalar as APIs that take only text want it.

    Raises:
        TypeError: It is a list, an object or nothing.
    """
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"{value!r:.80} is not text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def boolean(value: Any) -> bool:
    """A template's boolean, which may be text."""
    return text(value) == "true"
