"""Functions as the ASL engine's tasks: Lambda's failures under Step Functions' error names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from asl_engine.errors import TaskError

from redress_local.lambda_service.errors import LambdaServiceError
from redress_local.lambda_service.types import Outcome

TaskInvoker = Callable[[str, bytes], bytes]


class _Invoke(Protocol):
    def __call__(self, name_or_arn: str, payload: bytes, /) -> Outcome: ...


def task_invoker(invoke: _Invoke) -> TaskInvoker:
    """Make the engine's `lambda_invoker`: a function's name or ARN and JSON in, JSON out.

    A function error becomes a TaskError named by `errorType`, with the payload as its cause; an
    error of the service becomes `Lambda.<code>`, such as `Lambda.TooManyRequestsException`.
    """

    def call(function: str, payload: bytes) -> bytes:
        try:
            outcome = invoke(function, payload)
        except LambdaServiceError as error:
            raise TaskError(f"Lambda.{error.code}", service_cause(error)) from error
        except OSError as error:
            # No answer at all, as when the SDK cannot reach the service.
            raise TaskError(
                "Lambda.SdkClientException", f"Unable to execute HTTP request: {error}"
            ) from error
        if outcome.function_error is not None:
            raise function_failure(outcome)
        return outcome.payload

    return call


def service_cause(error: LambdaServiceError) -> str:
    """The cause of a service error, as Step Functions words it."""
    return f"{error} (Service: Lambda, Status Code: {error.status})"


def function_failure(outcome: Outcome) -> TaskError:
    """A function error as the failure of a task."""
    cause = outcome.payload.decode("utf-8", "replace")
    try:
        answer: Any = msgspec.json.decode(outcome.payload)
    except msgspec.DecodeError:
        answer = None
    name = answer.get("errorType") if isinstance(answer, dict) else None
    return TaskError(name if isinstance(name, str) and name else "Lambda.Unknown", cause)
