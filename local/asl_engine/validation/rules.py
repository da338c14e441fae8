"""The fields of the Amazon States Language in JSONata mode, and what each of them may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from asl_engine.validation.report import kind_of

MAX_NAME_LENGTH: Final = 80
MAX_SECONDS: Final = 99_999_999
MAX_DELAY_SECONDS: Final = 31_622_400

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, to follow the field's name, or None."""

INPUT: Final = frozenset({"input", "context"})
RESULT: Final = frozenset({"input", "context", "result"})
ERROR_OUTPUT: Final = frozenset({"input", "context", "errorOutput"})


@dataclass(frozen=True)
class FieldRule:
    """What a field may hold.

    Attributes:
        check: Looks at a value that is no expression.
        required: Whether the field must be there.
        expression: Whether one `{% %}` string may stand in its place.
        template: Whether `{% %}` strings may stand anywhere inside it.
        states: The fields of `$states` that its expressions may read.
    """

    check: Check
    required: bool = False
    expression: bool = False
    template: bool = False
    states: frozenset[str] = INPUT


def anything(_value: Any) -> str | None:
    """Accepts every JSON value."""
    return None


def string(value: Any) -> str | None:
    """Accepts a string; explains what YAML makes of unquoted words."""
    if isinstance(value, str):
        return None
    if isinstance(value, bool):
        return (
            f"is the boolean {str(value).lower()}, not a string: YAML reads unquoted "
            "Yes, No, On and Off as booleans, so put the name in quotes"
        )
    return f"must be a string, not {kind_of(value)}"


def non_blank(value: Any) -> str | None:
    """Accepts a string with something in it."""
    return string(value) or (None if value.strip() else "must not be blank")


def condition(value: Any) -> str | None:
    """Accepts a boolean, as an expression would give."""
    if isinstance(value, bool):
        return None
    return "must be an expression {% ... %} that gives true or false, or a boolean"


def true_only(value: Any) -> str | None:
    """Accepts `true`."""
    return None if value is True else "must be true, or be left out"


def obj(value: Any) -> str | None:
    """Accepts an object."""
    return None if isinstance(value, Mapping) else f"must be an object, not {kind_of(value)}"


def array(value: Any) -> str | None:
    """Accepts an array."""
    return None if isinstance(value, list) else f"must be an array, not {kind_of(value)}"


def filled_array(value: Any) -> str | None:
    """Accepts an array of at least one item."""
    return array(value) or (None if value else "must not be empty")


def one_of(*choices: str) -> Check:
    """Accepts one of the given strings."""

    def check(value: Any) -> str | None:
        if isinstance(value, str) and value in choices:
            return None
        return f"must be {' or '.join(choices)}, not {value!r:.80}"

    return check


def integer(least: int, most: int | None = None) -> Check:
    """Accepts a whole number of a range."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {kind_of(value)}"
        return _in_range(value, least, most)

    return check


def number(least: float, most: float | None = None) -> Check:
    """Accepts a number of a range."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {kind_of(value)}"
        return _in_range(value, least, most)

    return check


def _in_range(value: float, least: float, most: float | None) -> str | None:
    if value >= least and (most is None or value <= most):
        return None
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    return f"must be {bounds}, not {value!r:.40}"


def timestamp(value: Any) -> str | None:
    """Accepts an RFC 3339 time with an upper-case T and a zone."""
    if not isinstance(value, str):
        return f"must be a time such as 2026-01-31T12:00:00Z, not {kind_of(value)}"
    if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return f"must be a time such as 2026-01-31T12:00:00Z, not {value!r:.80}"


_SERVICE: Final = r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:"
_PATTERN: Final = r"(\.sync(:2)?|\.waitForTaskToken)?"
_RESOURCES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_SERVICE}aws-sdk:[a-z0-9]+:[a-zA-Z0-9]+(\.waitForTaskToken)?\Z",
        rf"{_SERVICE}(?!aws-sdk:|activity:)[a-zA-Z0-9-]+:[a-zA-Z0-9]+{_PATTERN}\Z",
        r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_$-]+)?\Z",
        r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:activity:[^\s:]{1,80}\Z",
    )
)


def resource(value: Any) -> str | None:
    """Accepts an ARN of a shape that a Task can have."""
    reason = non_blank(value)
    if reason or any(pattern.match(value) for pattern in _RESOURCES):
        return reason
    return (
        f"is no resource that a Task can have: {value!r:.120}; write "
        "arn:aws:states:::service:action (with .sync:2 or .waitForTaskToken), "
        "arn:aws:states:::aws-sdk:service:action or the ARN of a Lambda function"
    )


_SECONDS = FieldRule(integer(1, MAX_SECONDS), expression=True)
_TRANSITION: Final = {"Next": FieldRule(non_blank), "End": FieldRule(true_only)}
_ERROR_HANDLING: Final = {"Retry": FieldRule(array), "Catch": FieldRule(array)}
_COMMON: Final = {
    "Type": FieldRule(string, required=True),
    "Comment": FieldRule(string),
    "QueryLanguage": FieldRule(string),
}


def _output(states: frozenset[str], *, assign: bool = True) -> dict[str, FieldRule]:
    rules = {"Output": FieldRule(anything, template=True, states=states)}
    if assign:
        rules["Assign"] = FieldRule(obj, template=True, states=states)
    return rules


_ARGUMENTS: Final = FieldRule(anything, template=True)

STATE_FIELDS: Final[Mapping[str, Mapping[str, FieldRule]]] = MappingProxyType(
    {
        "Task": {
            **_COMMON,
            "Resource": FieldRule(resource, required=True),
            "Arguments": _ARGUMENTS,
            "TimeoutSeconds": _SECONDS,
            "HeartbeatSeconds": _SECONDS,
            "Credentials": FieldRule(obj, expression=True, template=True),
            **_output(RESULT),
            **_ERROR_HANDLING,
            **_TRANSITION,
        },
        "Parallel": {
            **_COMMON,
            "Branches": FieldRule(filled_array, required=True),
            "Arguments": _ARGUMENTS,
            **_output(RESULT),
            **_ERROR_HANDLING,
            **_TRANSITION,
        },
        "Map": {
            **_COMMON,
            "ItemProcessor": FieldRule(obj, required=True),
            "Items": FieldRule(array, expression=True, template=True),
            "ItemSelector": FieldRule(obj, expression=True, template=True),
            "MaxConcurrency": FieldRule(integer(0), expression=True),
            "ToleratedFailureCount": FieldRule(integer(0), expression=True),
            "ToleratedFailurePercentage": FieldRule(number(0, 100), expression=True),
            **_output(RESULT),
            **_ERROR_HANDLING,
            **_TRANSITION,
        },
        "Pass": {**_COMMON, **_output(INPUT), **_TRANSITION},
        "Wait": {
            **_COMMON,
            "Seconds": FieldRule(integer(0, MAX_SECONDS), expression=True),
            "Timestamp": FieldRule(timestamp, expression=True),
            **_output(INPUT),
            **_TRANSITION,
        },
        "Choice": {
            **_COMMON,
            "Choices": FieldRule(filled_array, required=True),
            "Default": FieldRule(non_blank),
            **_output(INPUT),
        },
        "Succeed": {**_COMMON, **_output(INPUT, assign=False)},
        "Fail": {
            **_COMMON,
            "Error": FieldRule(string, expression=True),
            "Cause": FieldRule(string, expression=True),
        },
    }
)

CHOICE_RULE_FIELDS: Final[Mapping[str, FieldRule]] = {
    "Condition": FieldRule(condition, required=True, expression=True),
    "Next": FieldRule(non_blank, required=True),
    "Comment": FieldRule(string),
    **_output(INPUT),
}

RETRIER_FIELDS: Final[Mapping[str, FieldRule]] = {
    "ErrorEquals": FieldRule(filled_array, required=True),
    "IntervalSeconds": FieldRule(integer(1, MAX_SECONDS)),
    "MaxAttempts": FieldRule(integer(0, MAX_SECONDS)),
    "BackoffRate": FieldRule(number(1)),
    "MaxDelaySeconds": FieldRule(integer(1, MAX_DELAY_SECONDS - 1)),
    "JitterStrategy": FieldRule(one_of("FULL", "NONE")),
    "Comment": FieldRule(string),
}

CATCHER_FIELDS: Final[Mapping[str, FieldRule]] = {
    "ErrorEquals": FieldRule(filled_array, required=True),
    "Next": FieldRule(non_blank, required=True),
    "Comment": FieldRule(string),
    **_output(ERROR_OUTPUT),
}

_SCOPE_FIELDS: Final = {
    "StartAt": FieldRule(non_blank, required=True),
    "States": FieldRule(obj, required=True),
    "Comment": FieldRule(string),
}
MACHINE_FIELDS: Final[Mapping[str, FieldRule]] = {
    **_SCOPE_FIELDS,
    "QueryLanguage": FieldRule(anything),
    "TimeoutSeconds": FieldRule(integer(1, MAX_SECONDS)),
    "Version": FieldRule(one_of("1.0")),
}
BRANCH_FIELDS: Final[Mapping[str, FieldRule]] = _SCOPE_FIELDS
ITEM_PROCESSOR_FIELDS: Final[Mapping[str, FieldRule]] = {
    **_SCOPE_FIELDS,
    "ProcessorConfig": FieldRule(obj),
}
PROCESSOR_CONFIG_FIELDS: Final[Mapping[str, FieldRule]] = {
    "Mode": FieldRule(string),
    "ExecutionType": FieldRule(string),
}

JSONPATH_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "InputPath": "Arguments",
        "OutputPath": "Output",
        "ResultPath": "Output or Assign",
        "ResultSelector": "Output",
        "Parameters": "Arguments",
        "Result": "Output",
        "ItemsPath": "Items",
        "SecondsPath": "Seconds",
        "TimestampPath": "Timestamp",
        "TimeoutSecondsPath": "TimeoutSeconds",
        "HeartbeatSecondsPath": "HeartbeatSeconds",
        "MaxConcurrencyPath": "MaxConcurrency",
        "ToleratedFailureCountPath": "ToleratedFailureCount",
        "ToleratedFailurePercentagePath": "ToleratedFailurePercentage",
        "ErrorPath": "Error",
        "CausePath": "Cause",
        "Variable": "Condition",
        "And": "Condition",
        "Or": "Condition",
        "Not": "Condition",
    }
)
"""Fields of JSONPath mode, and the field to use in JSONata mode."""

DISTRIBUTED_FIELDS: Final = frozenset({"ItemReader", "ItemBatcher", "ResultWriter", "Label"})
"""Fields of a Map in DISTRIBUTED mode."""

ERROR_NAMES: Final = frozenset(
    {
        "States.ALL",
        "States.BranchFailed",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
    }
)
"""Error names that Step Functions gives."""
