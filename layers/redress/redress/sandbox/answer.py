"""Strict JSON at both edges of the sandbox: the input by value, the last printed line as answer."""

import hashlib
import json
import math
from typing import Any, NoReturn

from redress.sandbox.errors import InvalidOutputError, OutputTooLargeError, SandboxUsageError
from redress.sandbox.models import one_line

MAX_DEPTH = 64
MAX_INT = 2**63 - 1


def encode_input(value: Any) -> bytes:
    """Return `value` as compact JSON, its keys in the caller's order.

    Raises:
        SandboxUsageError: `value` is not JSON: wrong types, NaN, lone surrogates, cycles.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SandboxUsageError(f"the input is not JSON: {error}") from error


def parse_answer(stdout: str, *, output_bytes: int) -> Any:
    """Return the JSON value on the last line of `stdout` that is not blank.

    Raises:
        OutputTooLargeError: That line is longer than `output_bytes`.
        InvalidOutputError: There is no such line, or it is not one strict JSON value: NaN and
            infinities, duplicate keys, lone surrogates, integers beyond 64 bits, nesting deeper
            than 64 and anything after the value are refused.
    """
    line = stdout.rstrip().rpartition("\n")[2].strip()
    if not line:
        raise InvalidOutputError("the program printed nothing: print the answer as JSON at the end")
    try:
        size = len(line.encode())
    except UnicodeEncodeError as error:
        raise InvalidOutputError("the answer holds a lone surrogate") from error
    if size > output_bytes:
        raise OutputTooLargeError(f"the answer has {size} bytes, over the limit of {output_bytes}")
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_constant=_constant)
        _check(value, MAX_DEPTH)
    except RecursionError as error:
        raise InvalidOutputError(f"the answer is nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise InvalidOutputError(
            f"the last line is not one strict JSON value ({one_line(str(error), 120)}): "
            "print json.dumps(answer) on one line, last"
        ) from error
    return value


def canonical_json(value: Any) -> bytes:
    """Return `value` as compact JSON with sorted keys, the form that is hashed."""
    text = json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate keys in an object")
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    if isinstance(value, dict | list) and depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number is beyond the range of a double")
    elif isinstance(value, int) and not -MAX_INT - 1 <= value <= MAX_INT:
        raise ValueError("an integer is beyond 64 bits")


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a string holds a lone surrogate") from None
