"""The functions that Step Functions adds to JSONata, and a bounded `$pad`."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

MAX_ARRAY_ITEMS: Final = 262_144
"""Longest array that an expression may build, in items: more than a payload of 256 KiB holds."""
MAX_PADDED_WIDTH: Final = 1_000_000
"""Widest string that `$pad` may build, in characters."""
MAX_HASHED_CHARACTERS: Final = 10_000
"""Longest text that `$hash` takes; AWS's limit."""

_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


class FunctionError(ValueError):
    """A function was called with arguments that it does not take."""


def _system_uuid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Randomness:
    """Where `$random()` without a seed and `$uuid()` take their values.

    Attributes:
        random: Returns a float of [0, 1).
        uuid: Returns a version 4 UUID as text.
    """

    random: Callable[[], float] = random.random
    uuid: Callable[[], str] = _system_uuid


SYSTEM_RANDOMNESS: Final = Randomness()
"""The process's own generators."""


def partition(*args: Any) -> list[list[Any]]:
    """`$partition(array, size)`: the array in parts of `size` items, the last may be less."""
    array, size = _arguments("$partition", args, 2, 2)
    if not isinstance(array, list):
        raise FunctionError("$partition needs an array first")
    if not _is_integer(size) or size < 1:
        raise FunctionError("$partition needs a whole number of at least 1 as the size")
    width = int(size)
    return [array[i : i + width] for i in range(0, len(array), width)]


def range_(*args: Any) -> Any:
    """`$range(start, end, step)`: numbers from start to end, both included.

    One number is the number itself, as recorded from AWS, where the result is a sequence. None
    are an empty array: unlike there, since a function of the host cannot give undefined.
    """
    start, end, step = _arguments("$range", args, 3, 3)
    for number in (start, end, step):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise FunctionError("$range needs three numbers: start, end and step")
    if step == 0:
        raise FunctionError("$range needs a step other than 0")
    count = int((end - start) // step) + 1
    if count > MAX_ARRAY_ITEMS:
        raise FunctionError(f"$range would make {count} items; the limit is {MAX_ARRAY_ITEMS}")
    numbers = [start + i * step for i in range(max(count, 0))]
    return numbers[0] if len(numbers) == 1 else numbers


def hash_(*args: Any) -> str:
    """`$hash(text, algorithm)`: the digest in lower-case hexadecimal."""
    text, algorithm = _arguments("$hash", args, 2, 2)
    if not isinstance(text, str):
        raise FunctionError("$hash needs a string; turn other values into one with $string()")
    if len(text) > MAX_HASHED_CHARACTERS:
        raise FunctionError(f"$hash takes at most {MAX_HASHED_CHARACTERS} characters")
    name = _ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if name is None:
        raise FunctionError(f"$hash knows the algorithms {', '.join(_ALGORITHMS)}")
    digest = hashlib.new(name, usedforsecurity=False)
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def parse(*args: Any) -> Any:
    """`$parse(json)`: the value that a JSON text stands for."""
    (text,) = _arguments("$parse", args, 1, 1)
    if not isinstance(text, str):
        raise FunctionError("$parse needs a string of JSON")
    try:
        return fit_numbers(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise FunctionError(f"$parse was given text that is not JSON: {error}") from None


def pad(*args: Any) -> str | None:
    """`$pad(text, width, char)` as in JSONata, but refusing widths that would exhaust memory."""
    text, width, filler = (*_arguments("$pad", args, 2, 3), " ")[:3]
    if text is None:
        return None
    if not isinstance(text, str) or isinstance(width, bool) or not isinstance(width, int | float):
        raise FunctionError("$pad needs a string and a width")
    if abs(width) > MAX_PADDED_WIDTH:
        raise FunctionError(f"$pad makes at most {MAX_PADDED_WIDTH} characters")
    if filler is not None and not isinstance(filler, str):
        raise FunctionError("$pad needs a string to pad with")
    missing = int(abs(width)) - len(text)
    if missing <= 0:
        return text
    unit = filler or " "
    padding = (unit * (missing // len(unit) + 1))[:missing]
    return text + padding if width > 0 else padding + text


def host_functions(randomness: Randomness) -> Mapping[str, Callable[..., Any]]:
    """Returns the functions to register with the library, by name without the dollar."""

    def random_(*args: Any) -> float:
        if not args:
            return randomness.random()
        (seed,) = _arguments("$random", args, 1, 1)
        if isinstance(seed, bool) or not isinstance(seed, int | float):
            raise FunctionError("$random needs a number as the seed")
        return random.Random(seed).random()  # noqa: S311 - repeatable, not secret

    def uuid_(*args: Any) -> str:
        _arguments("$uuid", args, 0, 0)
        return randomness.uuid()

    return MappingProxyType(
        {
            "hash": hash_,
            "pad": pad,
            "parse": parse,
            "partition": partition,
            "random": random_,
            "range": range_,
            "uuid": uuid_,
        }
    )


def fit_numbers(value: Any) -> Any:
    """Replaces integers beyond 64 bits by floats, which is what JSON numbers are in JSONata.

    Args:
        value: A JSON value. It is not changed; parts without such integers are shared.

    Returns:
        The value, or a copy of it where a number had to change.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return _as_float(value)
    if isinstance(value, dict):
        return {key: fit_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fit_numbers(item) for item in value]
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise FunctionError("a number is beyond the range of a JSON number") from None


def _is_integer(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _arguments(name: str, args: tuple[Any, ...], least: int, most: int) -> tuple[Any, ...]:
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise FunctionError(f"{name} takes {wanted} arguments, not {len(args)}")
    return args
