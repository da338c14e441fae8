"""Reading what a state machine says about an error, for people."""

import json
from typing import Any, NamedTuple

REASON_CHARACTERS = 500
_NAME_CHARACTERS = 200

ANY_TASK = "States.TaskFailed"
"""What Step Functions calls the error of a child execution, whatever the child says."""

_UNREADABLE = "The execution's history holds the details."
_DEPTH = 8
"""Machines that hand on the error of their child, which handed on its function's."""


class Failure(NamedTuple):
    """An error's name and one plain line about it."""

    error: str
    reason: str


def read_failure(value: Any) -> Failure:
    """Read `{"Error", "Cause"}`, whatever it holds.

    A Cause may be text, what Lambda says of an exception (`errorMessage`, and a stack trace, which
    is never shown), or an error of its own: what Step Functions says of a child execution, or what
    a Fail state passes on. The outermost error that says something is named; those inside it
    and the innermost one's words explain. Nothing is decided by the text: it is shown.
    """
    names: list[str] = []
    reason = ""
    found = value
    for _ in range(_DEPTH):
        fields = _fields(found)
        if fields is None:
            reason = _text(found)
            break
        message = fields.get("errormessage")
        if isinstance(message, str):
            reason = message
            break
        error = fields.get("error")
        name = _line(error, _NAME_CHARACTERS) if isinstance(error, str) else ""
        if name and name != ANY_TASK:
            names.append(name)
        found = fields.get("cause")
        if found is None:
            status = fields.get("status")
            reason = f"The execution ended as {status}." if isinstance(status, str) else ""
            break
    else:
        reason = _UNREADABLE
    if len(names) > 1:
        reason = ": ".join([*names[1:], reason]).removesuffix(": ")
    name = names[0] if names else _task_error(value)
    return Failure(name, _line(reason, REASON_CHARACTERS))


def _task_error(value: Any) -> str:
    named = isinstance(value, dict) and ANY_TASK in (value.get("Error"), value.get("error"))
    return ANY_TASK if named else "UnknownError"


def _fields(value: Any) -> dict[str, Any] | None:
    """Return an object, given as such or as JSON text, by its names in lower case."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return {str(k).lower(): v for k, v in value.items()} if isinstance(value, dict) else None


def _text(cause: Any) -> str:
    text = cause if isinstance(cause, str) else "" if cause is None else str(cause)
    # An object that was cut short is no line for people, and may hold a stack trace.
    return _UNREADABLE if text.lstrip().startswith("{") else text


def _line(text: str, limit: int) -> str:
    line = " ".join(text[: limit * 4].split())
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
