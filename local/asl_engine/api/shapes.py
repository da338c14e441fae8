"""Requests and answers by the shapes of botocore's service models."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

_SHOWN = 200
_CONTAINERS: dict[str, tuple[Any, str]] = {
    "structure": (dict, "an object"),
    "map": (dict, "an object"),
    "list": (list, "an array"),
}
_SCALARS: dict[str, tuple[Any, str]] = {
    "string": (str, "a string"),
    "character": (str, "a string"),
    "boolean": (bool, "a boolean"),
    "integer": (int, "a whole number"),
    "long": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
}


@cache
def service_model(service: str) -> Any:
    """The botocore model of a service, read once: `stepfunctions`, `events`."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def read_input(value: Mapping[str, Any], shape: Any) -> tuple[dict[str, Any], list[str]]:
    """A request as its shape has it.

    Members that are null or unknown to the shape are left out, as AWS does; timestamps become
    aware datetimes and blobs bytes.

    Returns:
        The members, and what is wrong with them in AWS's words.
    """
    problems: list[str] = []
    members: dict[str, Any] = {}
    if shape is not None:
        members = _structure(value, shape, "", problems)
    return members, problems


def _value(value: Any, shape: Any, place: str, problems: list[str]) -> Any:
    kind = shape.type_name
    if kind in _CONTAINERS:
        wanted, article = _CONTAINERS[kind]
        if not isinstance(value, wanted):
            _wrong_type(value, shape, place, article, problems)
            return value
        if kind == "structure":
            return _structure(value, shape, place, problems)
        _check_size(len(value), value, shape, place, problems)
        if kind == "list":
            return [
                _value(item, shape.member, f"{place}.{index}.member", problems)
                for index, item in enumerate(value, 1)
            ]
        return {
            _value(key, shape.key, f"{place}.key", problems): _value(
                item, shape.value, f"{place}.{key:.80}.member", problems
            )
            for key, item in value.items()
        }
    if kind == "timestamp":
        return _timestamp(value, shape, place, problems)
    if kind == "blob":
        return _blob(value, shape, place, problems)
    return _scalar(value, shape, place, problems)


def _structure(
    value: Mapping[str, Any], shape: Any, place: str, problems: list[str]
) -> dict[str, Any]:
    members = {}
    for name, member in shape.members.items():
        inner = f"{place}.{name}" if place else name
        given = value.get(name)
        if given is not None:
            members[name] = _value(given, member, inner, problems)
        elif name in shape.required_members:
            problems.append(
                f"Value null at '{inner}' failed to satisfy constraint: Member must not be null"
            )
    return members


def _scalar(value: Any, shape: Any, place: str, problems: list[str]) -> Any:
    wanted, article = _SCALARS[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        _wrong_type(value, shape, place, article, problems)
        return value
    if isinstance(value, str):
        _check_size(len(value), value, shape, place, problems)
        if shape.enum and value not in shape.enum:
            allowed = ", ".join(shape.enum)
            _fails(value, shape, place, f"satisfy enum value set: [{allowed}]", problems)
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            rule = f"satisfy regular expression pattern: {pattern}"
            _fails(value, shape, place, rule, problems)
    elif not isinstance(value, bool):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and value < least:
            rule = f"have value greater than or equal to {least}"
            _fails(value, shape, place, rule, problems)
        if most is not None and value > most:
            _fails(value, shape, place, f"have value less than or equal to {most}", problems)
    return value


def _timestamp(value: Any, shape: Any, place: str, problems: list[str]) -> Any:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    _wrong_type(value, shape, place, "a time in epoch seconds", problems)
    return value


def _blob(value: Any, shape: Any, place: str, problems: list[str]) -> Any:
    try:
        if isinstance(value, str):
            data = base64.b64decode(value, validate=True)
            _check_size(len(data), value, shape, place, problems)
            return data
    except (binascii.Error, ValueError):
        pass
    _wrong_type(value, shape, place, "base64 text", problems)
    return value


def _check_size(size: int, value: Any, shape: Any, place: str, problems: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        rule = f"have length greater than or equal to {least}"
        _fails(value, shape, place, rule, problems)
    if most is not None and size > most:
        _fails(value, shape, place, f"have length less than or equal to {most}", problems)


def _wrong_type(value: Any, shape: Any, place: str, wanted: str, problems: list[str]) -> None:
    _fails(value, shape, place, f"be {wanted}", problems)


def _fails(value: Any, shape: Any, place: str, rule: str, problems: list[str]) -> None:
    """Notes a breach; a sensitive value is not shown, a long one is cut."""
    text = str(value)
    shown = f" '{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}'"
    if shape.metadata.get("sensitive"):
        shown = ""
    problems.append(f"Value{shown} at '{place}' failed to satisfy constraint: Member must {rule}")


def _matches(pattern: str, value: str) -> bool:
    compiled = _pattern(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # A few of AWS's patterns are in Java's dialect; what they forbid is not checked.
        return None


def write_output(value: Any) -> Any:
    """An answer as AWS JSON has it: times as epoch seconds, blobs as base64, no nulls."""
    if isinstance(value, Mapping):
        return {key: write_output(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [write_output(item) for item in value]
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
