"""JSON in and out, and the size limit that Step Functions puts on every payload."""

from __future__ import annotations

from typing import Any

import msgspec

from asl_engine.errors import InvalidInputError, TaskError
from asl_engine.matching import DATA_LIMIT_EXCEEDED

# 256 KiB of UTF-8 for an input, an output, a task's parameters or one state's variables.
MAX_PAYLOAD_BYTES = 262_144

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
decode = msgspec.json.decode
Raw = msgspec.Raw


def encode_limited(value: Any, what: str) -> bytes:
    """Serialise a payload of a running execution.

    Raises:
        TaskError: `States.DataLimitExceeded` above 256 KiB.
    """
    data = _encoder.encode(value)
    if len(data) > MAX_PAYLOAD_BYTES:
        raise too_large(what)
    return data


def too_large(what: str) -> TaskError:
    """The error that Step Functions gives to a payload above the limit."""
    return TaskError(
        DATA_LIMIT_EXCEEDED,
        f"{what} with a size exceeding the maximum number of bytes service limit.",
    )


def encode_input(value: Any, what: str = "input") -> bytes:
    """Serialise what a caller hands in.

    Raises:
        InvalidInputError: The value is not JSON or is above 256 KiB.
    """
    try:
        data = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the {what} is not JSON: {error}") from None
    if len(data) > MAX_PAYLOAD_BYTES:
        raise InvalidInputError(
            f"the {what} has {len(data)} bytes; Step Functions takes {MAX_PAYLOAD_BYTES}"
        )
    return data
