"""What a check of a definition finds: diagnostics with a code and a place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"
INVALID_JSON: Final = "INVALID_JSON_DESCRIPTION"
MISSING_TARGET: Final = "MISSING_TRANSITION_TARGET"
MISSING_END: Final = "MISSING_END_STATE"
DUPLICATE_NAME: Final = "DUPLICATE_STATE_NAME"
INVALID_EXPRESSION: Final = "INVALID_JSONATA_EXPRESSION"
QUERY_LANGUAGE: Final = "UNSUPPORTED_QUERY_LANGUAGE"
UNSUPPORTED: Final = "UNSUPPORTED_FEATURE"
INVALID_RESOURCE: Final = "INVALID_RESOURCE"
UNDEFINED_VARIABLE: Final = "UNDEFINED_VARIABLE"
SHADOWED_VARIABLE: Final = "SHADOWED_VARIABLE"
UNRESOLVED: Final = "UNRESOLVED_SUBSTITUTION"
UNKNOWN_ERROR_NAME: Final = "UNKNOWN_ERROR_NAME"

Severity = Literal["ERROR", "WARNING"]


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    Attributes:
        severity: `ERROR`: Step Functions or this engine refuses the definition. `WARNING`: it
            runs, but probably not as meant.
        code: What kind of finding, in upper case; those of AWS's ValidateStateMachineDefinition
            where AWS has one.
        message: What is wrong and what to do, in a sentence.
        location: Where, as a JSON pointer: `/States/IssueRefund/Retry/0/ErrorEquals`; empty for
            the definition as a whole.
    """

    severity: Severity
    code: str
    message: str
    location: str


class Report:
    """Collects diagnostics in the order in which they are found."""

    def __init__(self) -> None:
        """Starts empty."""
        self.diagnostics: list[Diagnostic] = []

    def error(self, code: str, location: str, message: str) -> None:
        """Adds what makes the definition unusable."""
        self._add("ERROR", code, location, message)

    def warning(self, code: str, location: str, message: str) -> None:
        """Adds what is likely a mistake."""
        self._add("WARNING", code, location, message)

    def _add(self, severity: Severity, code: str, location: str, message: str) -> None:
        self.diagnostics.append(
            Diagnostic(severity=severity, code=code, message=message, location=location)
        )


def at(location: str, *keys: Any) -> str:
    """Extends a JSON pointer by keys, escaped."""
    return location + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def listed(names: Iterable[str]) -> str:
    """Joins names for a message."""
    return ", ".join(sorted(names))


def kind_of(value: Any) -> str:
    """Names the JSON type of a value, with its article, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list | tuple):
        return "an array"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
