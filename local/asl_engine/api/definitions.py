"""Definitions as the API takes them: checked, compiled, and reported on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from asl_engine.api.protocol import ApiError
from asl_engine.compiler import compile_machine, split_resource
from asl_engine.engine import Engine
from asl_engine.errors import InvalidDefinitionError
from asl_engine.program import DEFAULT_ROLE, EXPRESS, STANDARD, StateMachine
from asl_engine.validation import Diagnostic, validate

MAX_DIAGNOSTICS = 100
_CHECKED_NAME = "checked"


def compile_definition(
    engine: Engine, definition: str, *, name: str, arn: str, role: str, kind: str
) -> StateMachine:
    """A machine that the engine can run.

    Raises:
        ApiError: `InvalidDefinition`; its message lists what is wrong and where, and its
            `diagnostics` say the same in the shape of ValidateStateMachineDefinition.
    """
    try:
        machine = compile_machine(definition, name=name, arn=arn, role_arn=role, kind=kind)
        found = [*_of_kind(machine), *engine.check(machine)]
    except InvalidDefinitionError as error:
        machine, found = None, error.diagnostics
    errors = [diagnostic for diagnostic in found if diagnostic.severity == "ERROR"]
    if machine is None or errors:
        raise invalid_definition(errors)
    return machine


def invalid_definition(errors: list[Diagnostic]) -> ApiError:
    """The error for a definition with errors, in the way AWS words it."""
    shown = ", ".join(
        f"{error.code}: {error.message} at {error.location or '/'}" for error in errors[:20]
    )
    more = f", and {len(errors) - 20} more" if len(errors) > 20 else ""
    return ApiError(
        "InvalidDefinition",
        f"Invalid State Machine Definition: '{shown}{more}'",
        diagnostics=[_shape(error) for error in errors[:MAX_DIAGNOSTICS]],
    )


def validate_definition(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """ValidateStateMachineDefinition."""
    definition = request["definition"]
    found = validate(definition)
    if all(diagnostic.severity != "ERROR" for diagnostic in found):
        kind = request.get("type", STANDARD)
        machine = compile_machine(definition, name=_CHECKED_NAME, role_arn=DEFAULT_ROLE, kind=kind)
        found = [*found, *_of_kind(machine), *engine.check(machine)]
    failed = any(diagnostic.severity == "ERROR" for diagnostic in found)
    if request.get("severity", "ERROR") == "ERROR":
        found = [diagnostic for diagnostic in found if diagnostic.severity == "ERROR"]
    limit = request.get("maxResults") or MAX_DIAGNOSTICS
    return {
        "result": "FAIL" if failed else "OK",
        "diagnostics": [_shape(diagnostic) for diagnostic in found[:limit]],
        "truncated": len(found) > limit,
    }


def _of_kind(machine: StateMachine) -> list[Diagnostic]:
    """What an EXPRESS machine may not have."""
    if machine.kind != EXPRESS:
        return []
    return [
        Diagnostic(
            severity="ERROR",
            code="SCHEMA_VALIDATION_FAILED",
            message=f"Express state machine does not support '{pattern}' service integration",
            location=f"{location}/Resource",
        )
        for resource, location in machine.resources.items()
        if (pattern := split_resource(resource)[1])
    ]


def _shape(diagnostic: Diagnostic) -> dict[str, Any]:
    shape: dict[str, Any] = msgspec.to_builtins(diagnostic)
    return {**shape, "location": diagnostic.location or "/"}
