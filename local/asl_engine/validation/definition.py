"""Validation of state machine definitions, before anything of them runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from asl_engine.validation.machine import MachineValidator
from asl_engine.validation.report import (
    DUPLICATE_NAME,
    INVALID_JSON,
    SCHEMA,
    Diagnostic,
    Report,
    kind_of,
)

MAX_DEFINITION_BYTES: Final = 1_048_576
"""Longest definition text; AWS's limit."""
MAX_DEPTH: Final = 200
"""Deepest nesting of objects and arrays in a definition."""

_UNREADABLE: Final = object()


def validate(
    definition: Mapping[str, Any] | str | bytes, *, allow_substitutions: bool = False
) -> list[Diagnostic]:
    """Checks a definition against the Amazon States Language in JSONata mode.

    Args:
        definition: The definition, as an object or as JSON text.
        allow_substitutions: Whether `${Name}` may stand for any value, as in a template that is
            still to be deployed.

    Returns:
        What is wrong, in the order of the definition; without an `ERROR` it can run. Any input
        gives diagnostics, never an exception.
    """
    report = Report()
    value: Any = definition
    if isinstance(definition, str | bytes | bytearray):
        parsed = _parse(definition, report)
        if parsed is _UNREADABLE:
            return report.diagnostics
        value = parsed
    if not isinstance(value, Mapping):
        report.error(
            INVALID_JSON, "", f"a state machine definition is an object, not {kind_of(value)}"
        )
        return report.diagnostics
    if _too_deep(value):
        report.error(SCHEMA, "", f"the definition is nested more than {MAX_DEPTH} levels deep")
        return report.diagnostics
    MachineValidator(report, allow_substitutions).machine(value)
    return report.diagnostics


def _parse(text: str | bytes | bytearray, report: Report) -> Any:
    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            keys = [key for key, _ in items]
            duplicates.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return result

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    if len(text) > MAX_DEFINITION_BYTES:
        report.error(
            INVALID_JSON, "", f"the definition is longer than {MAX_DEFINITION_BYTES} bytes"
        )
        return _UNREADABLE
    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        report.error(INVALID_JSON, "", "the definition is nested too deeply")
        return _UNREADABLE
    except ValueError as error:  # malformed text or encoding, NaN, digits without end
        report.error(INVALID_JSON, "", f"the definition is not JSON: {error}")
        return _UNREADABLE
    for name in duplicates:
        report.error(DUPLICATE_NAME, "", f"the name {name!r:.100} occurs twice in one object")
    return value


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, Mapping) else container)
            if isinstance(item, Mapping | list)
        ]
        if not level:
            return False
    return True
