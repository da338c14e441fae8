"""From the bus's errors to EventBridge's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from asl_engine.api.protocol import ApiError

from redress_local.events.errors import (
    EventsError,
    ExistsError,
    IllegalStatusError,
    InvalidPatternError,
    LimitError,
    UnknownError,
)

Operation = Callable[[dict[str, Any]], Mapping[str, Any] | None]

_CODES: tuple[tuple[type[EventsError], str], ...] = (
    (UnknownError, "ResourceNotFoundException"),
    (ExistsError, "ResourceAlreadyExistsException"),
    (LimitError, "LimitExceededException"),
    (IllegalStatusError, "IllegalStatusException"),
    (InvalidPatternError, "InvalidEventPatternException"),
    (EventsError, "ValidationException"),
)


def api_error(error: EventsError) -> ApiError:
    """The error that the caller of the API gets."""
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    text = str(error)
    if isinstance(error, InvalidPatternError):
        text = f"Event pattern is not valid. Reason: {text}"
    return ApiError(code, text)


def answering(operation: Operation) -> Operation:
    """An operation whose errors are EventBridge's."""

    @functools.wraps(operation)
    def run(request: dict[str, Any]) -> Mapping[str, Any] | None:
        try:
            return operation(request)
        except EventsError as error:
            raise api_error(error) from None

    return run


def invalid(message: str) -> ApiError:
    """A ValidationException."""
    return ApiError("ValidationException", message)
