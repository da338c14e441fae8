"""What a target receives of an event: all of it, a constant, a path, or a transformed text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from redress_local.events.errors import InvalidTargetError

Event = Mapping[str, Any]
Shaper = Callable[[Event, Mapping[str, str]], Any]


class Text(str):
    """What a transformer made that is not JSON: queues and logs take it, others do not."""

    __slots__ = ()


_STEP = re.compile(r"\.([A-Za-z0-9_/\-]+)|\[(\d+)\]|\['([^']+)'\]|(\.\*|\[\*\])")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_RESERVED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event.ingestion-time",
        "aws.events.event",
        "aws.events.event.json",
    }
)
_ABSENT = object()


def compile_input(target: Mapping[str, Any]) -> Shaper:
    """Compile a target's `Input`, `InputPath` or `InputTransformer`.

    Args:
        target: The target's properties, as in the template.

    Returns:
        A function from an event and the reserved variables (rule-arn, rule-name, time) to what
        the target receives.

    Raises:
        InvalidTargetError: More than one is given, or one is malformed.
    """
    given = [key for key in ("Input", "InputPath", "InputTransformer") if target.get(key)]
    if len(given) > 1:
        raise InvalidTargetError(f"a target takes one of {' and '.join(given)}")
    if not given:
        return lambda event, _: dict(event)
    match given[0]:
        case "Input":
            constant = _json(target["Input"], "Input")
            return lambda *_: constant
        case "InputPath":
            read = compile_path(target["InputPath"])
            return lambda event, _: _or_none(read(event))
    return _transformer(target["InputTransformer"])


def compile_path(path: Any) -> Callable[[Any], Any]:
    """Compile a JSON path of EventBridge's subset: dots, array indices, quoted keys, wildcards.

    What is reached by a wildcard is a list of what there is.

    Raises:
        InvalidTargetError: The path is not of that subset.
    """
    if not isinstance(path, str) or not path.startswith("$"):
        raise InvalidTargetError(f"{path!r:.60} is not a JSON path: it starts with $")
    steps: list[str | int | None] = []
    position = 1
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise InvalidTargetError(f"{path!r:.60} is not a JSON path that EventBridge takes")
        name, index, quoted, wildcard = found.groups()
        if wildcard is not None:
            steps.append(None)
        else:
            steps.append(int(index) if index is not None else name or quoted)
        position = found.end()
    return _reader(steps)


def _reader(steps: list[str | int | None]) -> Callable[[Any], Any]:
    if None in steps:
        at = steps.index(None)
        before, after = _reader(steps[:at]), _reader(steps[at + 1 :])

        def read_all(value: Any) -> Any:
            found = before(value)
            members = list(found.values()) if isinstance(found, Mapping) else found
            if not isinstance(members, list):
                return _ABSENT
            return [one for one in map(after, members) if one is not _ABSENT]

        return read_all

    def read(value: Any) -> Any:
        for step in steps:
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return _ABSENT
                value = value[step]
            elif isinstance(value, Mapping) and step in value:
                value = value[step]
            else:
                return _ABSENT
        return value

    return read


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _json(text: Any, what: str) -> Any:
    if not isinstance(text, str):
        raise InvalidTargetError(f"{what} is JSON text")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidTargetError(f"{what} is not JSON: {error}") from None


def _transformer(settings: Any) -> Shaper:
    if not isinstance(settings, Mapping) or not isinstance(settings.get("InputTemplate"), str):
        raise InvalidTargetError("InputTransformer takes InputPathsMap and InputTemplate")
    template: str = settings["InputTemplate"].strip()
    paths = settings.get("InputPathsMap") or {}
    if not isinstance(paths, Mapping):
        raise InvalidTargetError("InputPathsMap maps names to JSON paths")
    for name in paths:
        if str(name).upper().startswith("AWS."):
            raise InvalidTargetError(f"InputPathsMap: {name!r} is a reserved name")
    readers = {name: compile_path(path) for name, path in paths.items()}
    for name in _PLACEHOLDER.findall(template):
        if name not in readers and name not in _RESERVED:
            raise InvalidTargetError(f"InputTemplate: <{name}> is not in InputPathsMap")
    quoted = _quoted_spans(template)

    def shape(event: Event, reserved: Mapping[str, str]) -> Any:
        values: dict[str, Any] = {name: read(event) for name, read in readers.items()}
        values.update(reserved)
        values["aws.events.event.json"] = dict(event)
        values["aws.events.event"] = {k: v for k, v in event.items() if k != "detail"}

        def fill(match: re.Match[str]) -> str:
            value = values.get(match.group(1), _ABSENT)
            inside = any(start < match.start() < end for start, end in quoted)
            return _inside(value) if inside else _outside(value)

        text = _PLACEHOLDER.sub(fill, template)
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return Text(text)

    return shape


def _quoted_spans(template: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r'"(?:[^"\\]|\\.)*"', template)]


def _outside(value: Any) -> str:
    # A variable without a value is not created; null keeps the text JSON.
    return "null" if value is _ABSENT else msgspec.json.encode(value).decode()


def _inside(value: Any) -> str:
    if value is _ABSENT:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return msgspec.json.encode(text).decode()[1:-1]
