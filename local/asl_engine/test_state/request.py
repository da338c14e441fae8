"""A TestState request: its definition compiled, its JSON texts read, its rules checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from asl_engine import program
from asl_engine.api.protocol import ApiError
from asl_engine.codec import MAX_PAYLOAD_BYTES
from asl_engine.compiler import compile_machine
from asl_engine.errors import InvalidDefinitionError
from asl_engine.program import MapState, ParallelState, Scope, State, StateMachine, TaskState
from asl_engine.test_state.context import read_context
from asl_engine.test_state.mocks import Mock, read_mock

STATE_NAME = "StateName"
"""What a state is called whose definition comes without a machine, as AWS calls it."""

_SUPPORTED = "[Task, Wait, Pass, Succeed, Fail, Choice]"
_STUB = {"Type": "Succeed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """What is to be tested.

    Attributes:
        machine: The definition, compiled; a single state is wrapped into a machine.
        scope: The states among which the tested one stands.
        state: The tested state.
        input: Its input, and `input_json` the same as JSON.
        variables: What is assigned before the state runs.
        mock: What stands for the state's work, if anything.
        context: What stands for the whole context object, if anything.
        retry_count: How often the retrier that takes the error was used before.
        failed_iterations: How many iterations of a Map have failed, if that is said.
        role: The role's ARN, if one is given.
        level: `INFO`, `DEBUG` or `TRACE`.
    """

    __test__ = False

    machine: StateMachine
    scope: Scope
    state: State
    input: Any
    input_json: bytes
    variables: dict[str, Any]
    mock: Mock | None
    context: dict[str, Any] | None
    retry_count: int
    failed_iterations: int | None
    role: str | None
    level: str


def read_request(request: Mapping[str, Any]) -> TestRequest:
    """Check a request as AWS does, in AWS's order: definition, state, mock, context, input.

    Raises:
        ApiError: `InvalidDefinition`, `InvalidExecutionInput` or `ValidationException`.
    """
    machine, (scope, state) = _definition(request["definition"], request.get("stateName"))
    mock = read_mock(request.get("mock"), state, reveal=bool(request.get("revealSecrets")))
    failed_iterations, retry_count = _configuration(
        request.get("stateConfiguration") or {}, state, mock
    )
    context = read_context(request.get("context"), state, mocked=mock is not None)
    if mock is None:
        _check_unmocked(state, request.get("roleArn"))
    text = request.get("input")
    value, value_json = _json(
        "{}" if text is None else text, "InvalidExecutionInput", "Invalid State Machine "
        "Execution Input"
    )  # fmt: skip
    variables: Any = {}
    if request.get("variables") is not None:
        variables, _ = _json(request["variables"], "ValidationException", "Invalid variables")
        if not isinstance(variables, dict):
            raise ApiError("ValidationException", "Variables must be a JSON object")
    return TestRequest(
        machine=machine,
        scope=scope,
        state=state,
        input=value,
        input_json=value_json,
        variables=variables,
        mock=mock,
        context=context,
        retry_count=retry_count,
        failed_iterations=failed_iterations,
        role=request.get("roleArn"),
        level=request.get("inspectionLevel") or "INFO",
    )


def _json(text: str, code: str, what: str) -> tuple[Any, bytes]:
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_PAYLOAD_BYTES:
        raise ApiError(code, f"{what}: it has more than {MAX_PAYLOAD_BYTES} bytes")
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(code, f"{what}: it is not JSON: {error}") from None
    return value, msgspec.json.encode(value)


# The definition


def _definition(text: str, name: str | None) -> tuple[StateMachine, tuple[Scope, State]]:
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(f"INVALID_JSON_DESCRIPTION: the definition is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _invalid("INVALID_JSON_DESCRIPTION: the definition must be a JSON object")
    if name is None:
        value = _wrapped(value)
    try:
        machine = compile_machine(value, name="TestState")
    except InvalidDefinitionError as error:
        problems = [
            f"{found.code}: {found.message} at {found.location or '/'}"
            for found in error.diagnostics
            if str(found.severity).upper().endswith("ERROR")
        ]
        raise _invalid(", ".join(problems)) from None
    for scope in _scopes(machine.program):
        found_state = scope.states.get(STATE_NAME if name is None else name)
        if found_state is not None:
            return machine, (scope, found_state)
    raise ApiError("ValidationException", "State not found in definition")


def _invalid(problem: str) -> ApiError:
    return ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{problem}'")


def _wrapped(state: dict[str, Any]) -> dict[str, Any]:
    """A machine round a single state; what the state leads to is a Succeed of that name."""
    if "States" in state and "Type" not in state:
        raise ApiError(
            "ValidationException",
            "The definition is a whole state machine: name the state to test in stateName",
        )
    if state.get("QueryLanguage") != "JSONata":
        raise _invalid(
            "QUERY_LANGUAGE: the state is in JSONPath, which a state is unless it says otherwise; "
            'this engine runs JSONata only, so add "QueryLanguage": "JSONata" '
            f"at /States/{STATE_NAME}/QueryLanguage"
        )
    targets = {target: _STUB for target in _targets(state) if target != STATE_NAME}
    return {
        "QueryLanguage": "JSONata",
        "StartAt": STATE_NAME,
        "States": {STATE_NAME: state, **targets},
    }


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    holders: list[Any] = [state]
    for field in ("Choices", "Catch"):
        entries = state.get(field)
        holders += entries if isinstance(entries, list) else []
    for holder in holders:
        if isinstance(holder, Mapping):
            for field in ("Next", "Default"):
                target = holder.get(field)
                # What is no name at all is left for the validator to report.
                if isinstance(target, str) and 0 < len(target.strip()) <= len(target) <= 80:
                    yield target


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for state in scope.states.values():
        if isinstance(state, ParallelState):
            for branch in state.branches:
                yield from _scopes(branch)
        elif isinstance(state, MapState):
            yield from _scopes(state.processor)


# What only goes with a mock, and what does not go without one


def _check_unmocked(state: State, role: str | None) -> None:
    if isinstance(state, (ParallelState, MapState)):
        raise ApiError(
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types "
            f"include: {_SUPPORTED}",
        )
    if not isinstance(state, TaskState):
        return
    if state.pattern or ":activity:" in state.resource:
        what = f"the {state.pattern} pattern" if state.pattern else "an activity"
        raise ApiError(
            "InvalidDefinition", f"TestState API supports {what} only when a mock is specified."
        )
    if role is None:
        raise ApiError("ValidationException", "RoleArn must be specified when testing a Task state")


def _configuration(
    given: Mapping[str, Any], state: State, mock: Mock | None
) -> tuple[int | None, int]:
    """The failed iterations and the retry count of a `stateConfiguration`."""
    for field in given:
        if mock is None:
            name = field[:1].upper() + field[1:]
            raise ApiError(
                "ValidationException",
                f"TestState does not support {name} when a mock is not specified.",
            )
    if "mapItemReaderData" in given:
        raise ApiError(
            "ValidationException",
            "MapItemReaderData is for a Map in DISTRIBUTED mode, which this engine does not run",
        )
    failed = given.get("mapIterationFailureCount")
    if failed is not None:
        if not isinstance(state, MapState):
            raise ApiError("ValidationException", "MapIterationFailureCount is for a Map state")
        if mock is not None and mock.error is None and failed > len(mock.result):
            raise ApiError(
                "ValidationException",
                "Map iteration failure count must be less than or equal to the number of Map "
                "iterations",
            )
    _check_culprit(given.get("errorCausedByState"), state, mock)
    return failed, given.get("retrierRetryCount") or 0


def _check_culprit(name: str | None, state: State, mock: Mock | None) -> None:
    if name is None:
        return
    if not isinstance(state, (ParallelState, MapState)) or mock is None or mock.error is None:
        raise ApiError(
            "ValidationException",
            "ErrorCausedByState is for an error that is mocked for a Map or Parallel state",
        )
    inner = state.branches if isinstance(state, program.ParallelState) else (state.processor,)
    if not any(name in scope.states for root in inner for scope in _scopes(root)):
        raise ApiError(
            "ValidationException", f"The state {state.name} holds no state {name!r:.100}"
        )
