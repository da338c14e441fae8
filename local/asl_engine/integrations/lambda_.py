"""Lambda: `lambda:invoke` and function ARNs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from asl_engine.codec import decode, encode
from asl_engine.errors import TaskError
from asl_engine.integrations.protocol import Integration, TaskRequest

WAITING = "RequestResponse"
_LATEST = "$LATEST"
# The InvocationTypes that answer without running the function, with their status.
_UNAWAITED = {"Event": 202, "DryRun": 204}
_PLAIN = frozenset({"FunctionName", "Payload"})
_TAKEN = _PLAIN | {"InvocationType", "Qualifier", "ClientContext"}


class LambdaCall(NamedTuple):
    """An invocation that asks for more than a function's answer to a payload.

    Attributes:
        function: The function's name or ARN, with its qualifier after a colon if it is not
            `$LATEST`.
        payload: JSON.
        kind: `Event`, `DryRun` or `RequestResponse`.
        client_context: For `RequestResponse`: JSON in base64, or None.
    """

    function: str
    payload: bytes
    kind: str = WAITING
    client_context: str | None = None


LambdaInvoker = Callable[[str, bytes], bytes]
"""Takes a function's name or ARN and the payload as JSON; returns the answer as JSON.

Raises `TaskError` with the function's error type and a cause; any other exception fails the task
by its class name.
"""

LambdaCaller = Callable[[LambdaCall], bytes]
"""Makes a `LambdaCall`; returns the answer as JSON, or nothing where nobody waits for one.

Raises as a `LambdaInvoker` does. An `Event` that it has taken must not be lost with the process if
the journal is not: the journal then says that it was taken.
"""


def invoke_integration(invoker: LambdaInvoker, caller: LambdaCaller | None) -> Integration:
    """`arn:aws:states:::lambda:invoke`.

    Args:
        invoker: Runs functions.
        caller: Makes the calls with InvocationType or ClientContext; without it they fail.
    """

    def invoke(request: TaskRequest) -> Any:
        arguments = request.arguments
        function = arguments.get("FunctionName") if isinstance(arguments, dict) else None
        if not isinstance(function, str) or not function:
            raise _runtime("needs Arguments with a FunctionName.")
        payload = encode(arguments.get("Payload", {}))
        if arguments.keys() <= _PLAIN:
            answer = _call(lambda: invoker(_unqualified(function), payload), function)
            return _invoked(answer, _LATEST)
        return _special(arguments, payload, invoker, caller)

    return invoke


def function_integration(invoker: LambdaInvoker) -> Integration:
    """A function's ARN as the Resource: the Arguments are the payload, the answer the result."""

    def invoke(request: TaskRequest) -> Any:
        payload = encode(request.arguments)
        return _call(lambda: invoker(_unqualified(request.resource), payload), request.resource)

    return invoke


def _special(
    arguments: dict[str, Any], payload: bytes, invoker: LambdaInvoker, caller: LambdaCaller | None
) -> Any:
    """An invocation with more Arguments than the function and its payload."""
    if foreign := sorted(arguments.keys() - _TAKEN):
        raise _runtime(f"does not take {', '.join(foreign)}; it takes {', '.join(sorted(_TAKEN))}.")
    kind = arguments.get("InvocationType", WAITING)
    if not isinstance(kind, str) or (kind != WAITING and kind not in _UNAWAITED):
        raise _invalid(f"InvocationType must be one of RequestResponse, Event, DryRun: {kind!r}")
    context = _text(arguments, "ClientContext")
    function, version = _qualified(arguments["FunctionName"], _text(arguments, "Qualifier"))
    if kind == WAITING and context is None:
        return _invoked(_call(lambda: invoker(function, payload), function), version)
    if caller is None:
        what = "ClientContext" if kind == WAITING else f"InvocationType {kind}"
        raise _runtime(f"cannot be called with {what} here: the engine has no lambda_caller.")
    call = LambdaCall(function, payload, kind, context if kind == WAITING else None)
    if kind == WAITING:
        return _invoked(_call(lambda: caller(call), function), version)
    _answer(lambda: caller(call))
    return {"Payload": "", "StatusCode": _UNAWAITED[kind]}


def _invoked(payload: Any, version: str | None) -> dict[str, Any]:
    if version is None:
        return {"Payload": payload, "StatusCode": 200}
    return {"ExecutedVersion": version, "Payload": payload, "StatusCode": 200}


def _unqualified(function: str) -> str:
    """Leave the qualifier out where it says what holds without it."""
    return function.removesuffix(f":{_LATEST}")


def _qualified(function: str, qualifier: str | None) -> tuple[str, str | None]:
    """The function with its qualifier, and the version that it names; an alias names none."""
    function = _unqualified(function)
    parts = function.split(":")
    if "function" in parts[:-1]:
        parts = parts[parts.index("function") + 1 :]
    named = parts[1] if len(parts) == 2 else None
    if qualifier is None:
        qualifier = named
    elif named is not None and named != qualifier:
        raise _invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    elif named is None and qualifier != _LATEST:
        function = f"{function}:{qualifier}"
    if qualifier is None or qualifier == _LATEST:
        return function, _LATEST
    return function, qualifier if qualifier.isdecimal() else None


def _text(arguments: dict[str, Any], name: str) -> str | None:
    value = arguments.get(name)
    if value is None or (isinstance(value, str) and value):
        return value
    raise _invalid(f"{name} is a text that is not empty")


def _answer(call: Callable[[], bytes]) -> bytes:
    try:
        return call()
    except TaskError:
        raise
    except Exception as error:
        # The boundary to the host's function: its exceptions become what Lambda makes of a
        # handler's, so that Retry and Catch match them by class name.
        message = {"errorMessage": str(error), "errorType": type(error).__name__}
        raise TaskError(type(error).__name__, encode(message).decode()) from error


def _call(call: Callable[[], bytes], function: str) -> Any:
    answer = _answer(call)
    try:
        return decode(answer)
    except (msgspec.DecodeError, TypeError) as error:
        raise TaskError(
            "Lambda.Unknown", f"the function {function} did not answer with JSON: {error}"
        ) from None


def _runtime(problem: str) -> TaskError:
    return TaskError("States.Runtime", f"lambda:invoke {problem}")


def _invalid(problem: str) -> TaskError:
    return TaskError("Lambda.InvalidParameterValueException", problem)
