"""Functions as the ASL engine's tasks: Lambda's failures under Step Functions' error names."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec
from asl_engine.errors import TaskError
from asl_engine.integrations import LambdaCall

from redress_local.lambda_service.client_context import client_context
from redress_local.lambda_service.errors import LambdaServiceError
from redress_local.lambda_service.types import Outcome

# What Step Functions keeps of an error's name and of its cause, in characters.
_ERROR_LIMIT = 256
_CAUSE_LIMIT = 32_768

TaskInvoker = Callable[[str, bytes], bytes]
TaskCaller = Callable[[LambdaCall], bytes]


class _Invoke(Protocol):
    def __call__(self, name_or_arn: str, payload: bytes, /) -> Outcome: ...


class _Functions(Protocol):
    def function(self, name_or_arn: str) -> object: ...

    def invoke_async(self, name_or_arn: str, payload: bytes) -> object: ...

    def invoke(
        self, name_or_arn: str, payload: bytes, *, client_context: str | None
    ) -> Outcome: ...


def task_invoker(invoke: _Invoke) -> TaskInvoker:
    """Make the engine's `lambda_invoker`: a function's name or ARN and JSON in, JSON out.

    A function error becomes a TaskError named by `errorType`, with the payload as its cause; an
    error of the service becomes `Lambda.<code>`, such as `Lambda.TooManyRequestsException`.
    """

    def call(function: str, payload: bytes) -> bytes:
        try:
            outcome = invoke(function, payload)
        except LambdaServiceError as error:
            raise service_failure(error) from error
        except OSError as error:
            # No answer at all, as when the SDK cannot reach the service.
            raise TaskError(
                "Lambda.SdkClientException", f"Unable to execute HTTP request: {error}"
            ) from error
        if outcome.function_error is not None:
            raise function_failure(outcome)
        return outcome.payload

    return call


def task_caller(functions: _Functions) -> TaskCaller:
    """Make the engine's `lambda_caller`; errors are those of `task_invoker`."""

    def call(asked: LambdaCall) -> bytes:
        try:
            if asked.kind == "Event":
                functions.invoke_async(asked.function, asked.payload)
                return b""
            if asked.kind == "DryRun":
                functions.function(asked.function)
                return b""
            context = client_context(asked.client_context)
        except LambdaServiceError as error:
            raise service_failure(error) from error
        return task_invoker(partial(functions.invoke, client_context=context))(
            asked.function, asked.payload
        )

    return call


def service_failure(error: LambdaServiceError) -> TaskError:
    """An error of the service as the failure of a task, in Step Functions' words."""
    request = f"Service: Lambda, Status Code: {error.status}, Request ID: {uuid.uuid4()}"
    return TaskError(f"Lambda.{error.code}", f"{error} ({request})")


def function_failure(outcome: Outcome) -> TaskError:
    """A function error as the failure of a task; what is too long is cut."""
    cause = outcome.payload.decode("utf-8", "replace")
    try:
        answer: Any = msgspec.json.decode(outcome.payload)
    except msgspec.DecodeError:
        answer = None
    name = answer.get("errorType") if isinstance(answer, dict) else None
    error = name if isinstance(name, str) and name else "Lambda.Unknown"
    return TaskError(error[:_ERROR_LIMIT], cause[:_CAUSE_LIMIT])
