"""The base of all models and the value types they share."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from redress.errors import InvalidInputError

Identifier = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:\-]+(?!\n)$")
]
"""An opaque id: letters, digits and `_ . : -`; at most 128 characters."""

Minor = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""An amount of money in the currency's minor unit (cents, pence, yen); never negative."""

Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code."""

Quantity = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
"""A number of pieces."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware point in time; written as RFC 3339 in UTC."""

SCHEMA_VERSION = "1"
"""Version of every JSON document that others rely on."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An immutable record; JSON in and out by `parse` and `dump`."""


M = TypeVar("M")


def parse(kind: type[M], value: Any) -> M:
    """Turn JSON-like data into `kind`.

    Raises:
        InvalidInputError: the data does not fit; the message names the place.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError(str(error)) from error


def parse_json(kind: type[M], text: bytes | str) -> M:
    """Like `parse`, from JSON text.

    Raises:
        InvalidInputError: the text is not JSON or does not fit.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInputError(str(error)) from error


def dump(value: Any) -> Any:
    """Turn models into what JSON holds; tuples stay, which every encoder writes as arrays."""
    return msgspec.to_builtins(value)


def dump_json(value: Any) -> bytes:
    """Turn models into compact JSON text."""
    return msgspec.json.encode(value)
