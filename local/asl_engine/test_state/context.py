"""The context object that a TestState request may bring: what may be in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from asl_engine.api.protocol import ApiError
from asl_engine.program import State, TaskState

_KINDS: Final = {str: "a string", int: "an integer", dict: "an object"}

_FIELDS: Final[Mapping[str, Mapping[str, type | None]]] = MappingProxyType(
    {
        "Execution": {
            "Id": str,
            "Input": None,
            "Name": str,
            "RoleArn": str,
            "StartTime": str,
            "RedriveCount": int,
            "RedriveTime": str,
        },
        "State": {"EnteredTime": str, "Name": str, "RetryCount": int},
        "StateMachine": {"Id": str, "Name": str},
        "Task": {"Token": str},
    }
)
"""The fields of a context object and their types; None takes anything."""


def read_context(text: str | None, state: State, *, mocked: bool) -> dict[str, Any] | None:
    """Check a request's `context`.

    Raises:
        ApiError: `ValidationException`, in AWS's words where they are known.
    """
    if text is None:
        return None
    if not mocked:
        raise ApiError(
            "ValidationException",
            "TestState does not support Context when a mock is not specified.",
        )
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _invalid("it must be valid JSON") from None
    if not isinstance(value, dict):
        raise _invalid("it must be a JSON object")
    for part, inner in value.items():
        _check_part(part, inner)
    is_waiting = isinstance(state, TaskState) and state.pattern
    if "Task" in value and not is_waiting:
        raise _invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or "
            "'.waitForTaskToken' service integration pattern"
        )
    return value


def _check_part(part: str, inner: Any) -> None:
    if part == "Map":
        raise _invalid("'Map' field is not supported when mocking a Context object")
    fields = _FIELDS.get(part)
    if fields is None:
        raise _invalid(f"Field '{part:.100}' is not allowed")
    if not isinstance(inner, dict):
        raise _invalid(f"{part} must be an object")
    for name, value in inner.items():
        if name not in fields:
            raise _invalid(f"Field '{name:.100}' is not allowed")
        kind = fields[name]
        if kind is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise _invalid(f"{part}.{name} must be {_KINDS[kind]}")


def _invalid(problem: str) -> ApiError:
    return ApiError("ValidationException", f"Invalid Context object provided: {problem}")
