"""Reading what a state machine says about an error, for people."""

import json
from typing import Any, NamedTuple

REASON_CHARACTERS = 500


class Failure(NamedTuple):
    """An error's name and one plain line about it."""

    error: str
    reason: str


def read_failure(value: Any) -> Failure:
    """Read `{"Error", "Cause"}`, whatever it holds; a Cause of Lambda's is JSON with a message.

    Nothing is decided by the text: it is shown.
    """
    fields = {str(k).lower(): v for k, v in value.items()} if isinstance(value, dict) else {}
    error = fields.get("error")
    cause = fields.get("cause", "" if fields else value)
    if isinstance(cause, str):
        cause = _message(cause)
    elif cause is None:
        cause = ""
    name = error if isinstance(error, str) and error else "UnknownError"
    return Failure(_line(name, 200), _line(str(cause), REASON_CHARACTERS))


def _message(cause: str) -> str:
    try:
        parsed = json.loads(cause)
    except (ValueError, RecursionError):
        return cause
    message = parsed.get("errorMessage") if isinstance(parsed, dict) else None
    return message if isinstance(message, str) else cause


def _line(text: str, limit: int) -> str:
    line = " ".join(text[: limit * 4].split())
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
