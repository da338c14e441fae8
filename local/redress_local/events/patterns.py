"""EventBridge event patterns, compiled once into a predicate over events.

Follows AWS's documentation of content filtering: exact values, prefix, suffix,
equals-ignore-case, anything-but, numeric, exists, cidr, wildcard and $or. Numbers match exactly
when they are written alike, so 300 and 300.0 differ. Arrays match when one of their values does,
and the fields of a nested pattern are matched within one element.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redress_local.events.errors import InvalidPatternError

Predicate = Callable[[Any], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMERIC_LIMIT = 5_000_000_000
_MAX_DEPTH = 100


class _Absent:
    """The value of a field that an event does not have."""


_ABSENT = _Absent()


def compile_pattern(pattern: Any) -> Predicate:
    """Compile an event pattern.

    Args:
        pattern: The pattern as an object.

    Returns:
        A function from an event (an object) to whether it matches.

    Raises:
        InvalidPatternError: EventBridge would refuse the pattern; the message names the place.
    """
    if not isinstance(pattern, Mapping):
        raise InvalidPatternError("an event pattern is an object")
    if not pattern:
        raise InvalidPatternError("an event pattern is not empty")
    _check_depth(pattern)
    return _fields(pattern, "$")


def _check_depth(pattern: Any) -> None:
    """Refuse what is nested so deeply that matching would run out of stack."""
    level, depth = [pattern], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise InvalidPatternError(f"an event pattern has at most {_MAX_DEPTH} levels")
        members = [one.values() if isinstance(one, Mapping) else one for one in level]
        level = [one for many in members for one in many if isinstance(one, (Mapping, list))]


def _fields(pattern: Mapping[str, Any], place: str) -> Predicate:
    if not pattern:
        raise InvalidPatternError(f"{place}: an empty object matches nothing")
    checks: list[tuple[str, Predicate]] = []
    alternatives: list[Predicate] = []
    for key, wanted in pattern.items():
        here = f"{place}.{key}"
        if key == "$or" and isinstance(wanted, list):
            alternatives.append(_either(wanted, here))
        elif isinstance(wanted, Mapping):
            checks.append((key, _nested(_fields(wanted, here))))
        elif isinstance(wanted, list):
            checks.append((key, _leaf(wanted, here)))
        else:
            raise InvalidPatternError(f"{here}: must be an object or an array")

    def matches(event: Any) -> bool:
        fields = event if isinstance(event, Mapping) else {}
        return all(check(fields.get(key, _ABSENT)) for key, check in checks) and all(
            check(event) for check in alternatives
        )

    return matches


def _either(patterns: Sequence[Any], place: str) -> Predicate:
    if len(patterns) < 2 or not all(isinstance(entry, Mapping) for entry in patterns):
        raise InvalidPatternError(f"{place}: takes two objects or more")
    compiled = [_fields(entry, f"{place}[{index}]") for index, entry in enumerate(patterns)]
    return lambda event: any(check(event) for check in compiled)


def _nested(fields: Predicate) -> Predicate:
    def matches(value: Any) -> bool:
        if isinstance(value, list):
            elements = [item for item in _flatten(value) if isinstance(item, Mapping)]
            return any(fields(item) for item in elements) if elements else fields(_ABSENT)
        return fields(value)

    return matches


def _flatten(values: Sequence[Any]) -> list[Any]:
    # Without recursion: an event may be nested deeper than the stack.
    flat: list[Any] = []
    left = [iter(values)]
    while left:
        value = next(left[-1], _ABSENT)
        if value is _ABSENT:
            left.pop()
        elif isinstance(value, list):
            left.append(iter(value))
        else:
            flat.append(value)
    return flat


def _leaf(wanted: Sequence[Any], place: str) -> Predicate:
    if not wanted:
        raise InvalidPatternError(f"{place}: an empty array matches nothing")
    wants_absence = False
    wants_presence = False
    tests: list[Predicate] = []
    for entry in wanted:
        if isinstance(entry, Mapping) and set(entry) == {"exists"}:
            if not isinstance(entry["exists"], bool):
                raise InvalidPatternError(f"{place}: exists takes true or false")
            wants_presence = wants_presence or entry["exists"]
            wants_absence = wants_absence or not entry["exists"]
        else:
            tests.append(_value(entry, place))

    def matches(value: Any) -> bool:
        # Only leaves exist: an object is not one, and an empty array has none.
        values = _flatten(value) if isinstance(value, list) else [value]
        leaves = [item for item in values if item is not _ABSENT and not isinstance(item, Mapping)]
        if not leaves:
            return wants_absence
        return wants_presence or any(test(item) for test in tests for item in leaves)

    return matches


def _same(left: Any, right: Any) -> bool:
    # A type check, since Python holds that 1 == 1.0 == True.
    return type(left) is type(right) and bool(left == right)


def _value(entry: Any, place: str) -> Predicate:
    if entry is None or isinstance(entry, (str, int, float)):
        return lambda value: _same(value, entry)
    if isinstance(entry, Mapping) and len(entry) == 1:
        (name, argument), *_ = entry.items()
        return _filter(name, argument, place)
    raise InvalidPatternError(f"{place}: {entry!r:.60} is neither a value nor one filter")


def _filter(name: str, argument: Any, place: str) -> Predicate:
    match name:
        case "prefix" | "suffix":
            return _affix(name, argument, place)
        case "equals-ignore-case":
            folded = _text(argument, name, place).casefold()
            return lambda value: isinstance(value, str) and value.casefold() == folded
        case "wildcard":
            matcher = _wildcard(_text(argument, name, place), place)
            return lambda value: isinstance(value, str) and matcher(value) is not None
        case "anything-but":
            return _anything_but(argument, place)
        case "numeric":
            return _numeric(argument, place)
        case "cidr":
            return _cidr(_text(argument, name, place), place)
    raise InvalidPatternError(f"{place}: there is no filter {name!r}")


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidPatternError(f"{place}: {name} takes a string")
    return value


def _affix(name: str, argument: Any, place: str) -> Predicate:
    method: Callable[[str, str], bool] = str.startswith if name == "prefix" else str.endswith
    if isinstance(argument, Mapping):
        if set(argument) != {"equals-ignore-case"}:
            raise InvalidPatternError(f"{place}: {name} takes a string or equals-ignore-case")
        folded = _text(argument["equals-ignore-case"], name, place).casefold()
        return lambda value: isinstance(value, str) and method(value.casefold(), folded)
    text = _text(argument, name, place)
    return lambda value: isinstance(value, str) and method(value, text)


def _anything_but(argument: Any, place: str) -> Predicate:
    if isinstance(argument, Mapping):
        if len(argument) != 1:
            raise InvalidPatternError(f"{place}: anything-but takes one filter")
        (name, inner), *_ = argument.items()
        if name not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise InvalidPatternError(f"{place}: anything-but does not take {name!r}")
        many = inner if isinstance(inner, list) else [inner]
        if not many:
            raise InvalidPatternError(f"{place}: anything-but takes one value or more")
        excluded = [_filter(name, one, place) for one in many]
        return lambda value: not any(test(value) for test in excluded)
    values = argument if isinstance(argument, list) else [argument]
    if not values or not all(
        isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in values
    ):
        raise InvalidPatternError(f"{place}: anything-but takes strings or numbers")
    return lambda value: not any(_same(value, one) for one in values)


def _numeric(argument: Any, place: str) -> Predicate:
    if not isinstance(argument, list) or len(argument) not in {2, 4}:
        raise InvalidPatternError(f"{place}: numeric takes one or two comparisons")
    comparisons: list[tuple[Callable[[Any, Any], bool], float]] = []
    for symbol, bound in zip(argument[::2], argument[1::2], strict=True):
        if not isinstance(symbol, str) or symbol not in _COMPARE:
            raise InvalidPatternError(f"{place}: numeric does not know {symbol!r:.20}")
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise InvalidPatternError(f"{place}: numeric compares with numbers")
        if abs(bound) > _NUMERIC_LIMIT:
            raise InvalidPatternError(f"{place}: numeric takes -5.0e9 to 5.0e9")
        comparisons.append((_COMPARE[symbol], bound))

    def matches(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return all(compare(value, bound) for compare, bound in comparisons)

    return matches


def _cidr(text: str, place: str) -> Predicate:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidPatternError(f"{place}: {text!r:.60} is not a block of addresses") from None

    def matches(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


def _wildcard(text: str, place: str) -> Callable[[str], re.Match[str] | None]:
    parts: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "*" and parts and parts[-1] == ".*":
            raise InvalidPatternError(f"{place}: wildcard does not take ** in a row")
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in {"*", "\\"}:
                raise InvalidPatternError(f"{place}: wildcard escapes only * and \\")
            parts.append(re.escape(escaped))
        else:
            parts.append(".*" if character == "*" else re.escape(character))
    return re.compile("".join(parts), re.DOTALL).fullmatch
