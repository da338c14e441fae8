"""Lambda: `lambda:invoke` and function ARNs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from asl_engine.codec import decode, encode
from asl_engine.errors import TaskError
from asl_engine.integrations.protocol import Integration, TaskRequest

_Invoker = Callable[[str, bytes], bytes]


def _call(invoker: _Invoker, function: str, payload: Any) -> Any:
    try:
        answer = invoker(function, encode(payload))
    except TaskError:
        raise
    except Exception as error:
        # The boundary to the host's function: its exceptions become what Lambda makes of a
        # handler's, so that Retry and Catch match them by class name.
        message = {"errorMessage": str(error), "errorType": type(error).__name__}
        raise TaskError(type(error).__name__, encode(message).decode()) from error
    try:
        return decode(answer)
    except (msgspec.DecodeError, TypeError) as error:
        raise TaskError(
            "Lambda.Unknown", f"the function {function} did not answer with JSON: {error}"
        ) from None


def invoke_integration(invoker: _Invoker) -> Integration:
    """`arn:aws:states:::lambda:invoke`."""

    def invoke(request: TaskRequest) -> Any:
        arguments = request.arguments
        function = arguments.get("FunctionName") if isinstance(arguments, dict) else None
        if not isinstance(function, str) or not function:
            raise TaskError("States.Runtime", "lambda:invoke needs Arguments with a FunctionName.")
        payload = _call(invoker, function, arguments.get("Payload", {}))
        if arguments.get("InvocationType") == "Event":
            return {"StatusCode": 202, "Payload": ""}
        return {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}

    return invoke


def function_integration(invoker: _Invoker) -> Integration:
    """A function's ARN as the Resource: the Arguments are the payload, the answer the result."""

    def invoke(request: TaskRequest) -> Any:
        return _call(invoker, request.resource, request.arguments)

    return invoke
