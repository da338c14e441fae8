"""Mocked results and errors: reading them, and checking a result against the service's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from botocore.exceptions import UnknownServiceError

from asl_engine.api.protocol import ApiError
from asl_engine.api.shapes import service_model
from asl_engine.integrations.aws_sdk import boto_service
from asl_engine.program import MapState, ParallelState, State, TaskState

_TYPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "structure": (lambda value: isinstance(value, dict), "an object"),
    "map": (lambda value: isinstance(value, dict), "an object"),
    "list": (lambda value: isinstance(value, list), "an array"),
    "boolean": (lambda value: isinstance(value, bool), "a boolean"),
    # Times and binaries are text in a state's data.
    **dict.fromkeys(
        ("string", "character", "timestamp", "blob"),
        (lambda value: isinstance(value, str), "a string"),
    ),
    **dict.fromkeys(
        ("integer", "long", "float", "double"),
        (lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    ),
}
_SIZED: Final = frozenset({"string", "blob", "list", "map"})


@dataclass(frozen=True, slots=True)
class Mock:
    """What stands for a state's work: a result, or an error if there is one."""

    result: Any
    error: str | None = None
    cause: str | None = None


def read_mock(given: Mapping[str, Any] | None, state: State, *, reveal: bool) -> Mock | None:
    """Check a request's `mock` against the state that it is for.

    Raises:
        ApiError: `ValidationException`, in AWS's words where they are known.
    """
    if given is None:
        return None
    if not isinstance(state, (TaskState, MapState, ParallelState)):
        raise _refused(f"State type '{state.type}' is not supported when a mock is specified")
    if reveal:
        raise _refused("TestState does not support RevealSecrets when a mock is specified.")
    result, output = given.get("result"), given.get("errorOutput")
    if (result is None) == (output is None):
        raise _refused(
            "A test mock should have only one of the following fields: [result, errorOutput]."
        )
    if output is not None:
        if output.get("error") is None:
            raise _refused("The field error is required in a mocked errorOutput")
        return Mock(None, output["error"], output.get("cause"))
    try:
        value = msgspec.json.decode(str(result))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _refused("Mocked result must be valid JSON") from None
    if isinstance(state, TaskState):
        check_result(value, state, given.get("fieldValidationMode") or "STRICT")
        return Mock(value)
    if not isinstance(value, list):
        raise _refused("Mocked result must be an array.")
    if isinstance(state, ParallelState) and len(value) != len(state.branches):
        raise _refused(
            "Mocked result must contain the same number of items as number of Parallel branches."
        )
    return Mock(value)


def check_result(value: Any, state: TaskState, mode: str) -> None:
    """Check a mocked result against the model of the service that the Task calls.

    What a model does not describe is not checked: functions and activities by ARN, what
    `.waitForTaskToken` gets (whoever has the token decides), HTTP and API Gateway calls, `.sync`
    of anything but an execution, and services that botocore does not know. A Lambda function's
    `Payload`, and the `Input` and `Output` of an execution that `.sync:2` waited for, may be any
    JSON. Patterns of strings are not checked either.

    Raises:
        ApiError: `ValidationException`: a field that the mode looks at is not as the model says.
    """
    if mode == "NONE":
        return
    shape = _output_shape(state)
    if shape is None:
        return
    if not isinstance(value, dict):
        raise _refused("Mocked result must be a JSON object.")
    _check(value, shape, "", strict=mode == "STRICT", free=_free_fields(state))


def _free_fields(state: TaskState) -> frozenset[str]:
    if state.resource.endswith(":lambda:invoke"):
        return frozenset({"Payload"})
    return frozenset({"Input", "Output"}) if state.pattern == ".sync:2" else frozenset()


def _output_shape(state: TaskState) -> Any:
    prefix, _, action = state.resource.rpartition(":")
    service = prefix.rpartition(":")[2]
    if state.pattern == ".waitForTaskToken" or not prefix.startswith("arn:aws:states:::"):
        return None
    if state.pattern:
        if (service, action) != ("states", "startExecution"):
            return None
        # What .sync waits for is what the polled API says in the end.
        action = "describeExecution"
    try:
        model = service_model(boto_service(service))
    except UnknownServiceError:
        return None
    names = {name.lower(): name for name in model.operation_names}
    name = names.get(action.lower())
    return None if name is None else model.operation_model(name).output_shape


def _check(
    value: Any, shape: Any, field: str, *, strict: bool, free: frozenset[str] = frozenset()
) -> None:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    fits, wanted = _TYPES[kind]
    if not fits(value):
        raise _mismatch(f"Field '{field}' must be {wanted}")
    _check_limits(value, shape, field)
    if kind == "structure":
        members = {_sfn_case(name): member for name, member in shape.members.items()}
        for name in shape.required_members if strict else ():
            if _sfn_case(name) not in value:
                raise _mismatch(f"Required field '{_sfn_case(name)}' is missing")
        for name, inner in value.items():
            if name in members and name not in free:
                _check(inner, members[name], name, strict=strict)
    elif kind == "list":
        for inner in value:
            _check(inner, shape.member, field, strict=strict)
    elif kind == "map":
        for inner in value.values():
            _check(inner, shape.value, field, strict=strict)


def _check_limits(value: Any, shape: Any, field: str) -> None:
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        raise _mismatch(f"Field '{field}' is not an expected value")
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in _SIZED:
        if least is not None and len(value) < least:
            raise _mismatch(f"Field '{field}' is smaller than the minimum length")
        if most is not None and len(value) > most:
            raise _mismatch(f"Field '{field}' exceeds the maximum length")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if least is not None and value < least:
            raise _mismatch(f"Field '{field}' is less than the minimum value")
        if most is not None and value > most:
            raise _mismatch(f"Field '{field}' exceeds the maximum value")


def _sfn_case(name: str) -> str:
    """A member's name as Step Functions writes it: `executionArn` is `ExecutionArn`."""
    return name[:1].upper() + name[1:]


def _mismatch(problem: str) -> ApiError:
    return _refused(f"Mock result schema validation error: {problem}")


def _refused(problem: str) -> ApiError:
    return ApiError("ValidationException", problem)
