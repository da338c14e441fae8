"""Hands events to what rules point at: state machines, functions, queues; chosen by ARN.

Each service is a small protocol, so that the engine, an in-process host or an HTTP client fits.
Errors of a service are told apart by the code that they carry, as AWS names it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from asl_engine import ExecutionExistsError, InvalidInputError, MachineNotFoundError

from redress_local.events.delivery import Delivery
from redress_local.events.errors import DeliveryError, DeliveryRefusedError
from redress_local.events.inputs import Text

_NO_RESOURCE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
    }
)
_NO_PERMISSIONS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_INVALID = frozenset(
    {
        "InvalidExecutionInput",
        "InvalidInput",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "InvalidRequestContentException",
        "MissingParameter",
        "RequestTooLargeException",
        "ValidationException",
    }
)
_THROTTLED = frozenset(
    {
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_LIMITED = frozenset({"ExecutionLimitExceeded", "LimitExceededException"})


class StateMachines(Protocol):
    """Starts executions; `asl_engine.Engine` does."""

    def start_execution(self, machine: str, input: Any, name: str) -> Any:  # noqa: A002
        """Start one; raises when the name is taken by an execution with another input."""


class Functions(Protocol):
    """Invokes functions as events; the local Lambda service does."""

    def invoke_async(self, name_or_arn: str, payload: bytes) -> Any:
        """Accept an event for a function."""


class Queues(Protocol):
    """Puts messages on queues."""

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> Any:
        """Put a message on a queue; `group_id` for a fifo queue."""


class Targets:
    """Sends a delivery to the service that its target's ARN names; a `Send` for the bus.

    Args:
        machines: None where there are no state machines as targets; likewise the others.
        functions: See `machines`.
        queues: See `machines`.
        others: More services by their name in ARNs (`logs`, `sns`).
    """

    def __init__(
        self,
        *,
        machines: StateMachines | None = None,
        functions: Functions | None = None,
        queues: Queues | None = None,
        others: dict[str, Callable[[Delivery], Any]] | None = None,
    ) -> None:
        self._machines = machines
        self._functions = functions
        self._queues = queues
        self._others = others or {}

    def __call__(self, delivery: Delivery) -> None:
        """Deliver once.

        Raises:
            DeliveryError: The target did not take it, for now.
            DeliveryRefusedError: The target will not take it: no retry.
        """
        try:
            self._send(delivery)
        except DeliveryError:
            raise
        except Exception as error:
            # The boundary to other services: whatever they raise is a failed delivery.
            raise delivery_error(error) from error

    def _send(self, delivery: Delivery) -> None:
        arn = delivery.target.arn
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if service == "states" and self._machines is not None:
            self._start(self._machines, arn, delivery)
        elif service == "lambda" and self._functions is not None:
            self._functions.invoke_async(arn, msgspec.json.encode(_value(delivery)))
        elif service == "sqs" and self._queues is not None:
            body = delivery.input
            text = str(body) if isinstance(body, Text) else msgspec.json.encode(body).decode()
            self._queues.send_message(arn, text, {}, delivery.target.message_group_id)
        elif service in self._others:
            self._others[service](delivery)
        else:
            raise DeliveryRefusedError("NO_RESOURCE", f"the local cloud has no target {arn}")

    def _start(self, machines: StateMachines, arn: str, delivery: Delivery) -> None:
        try:
            # The name makes a second delivery of the same event find the execution of the first.
            machines.start_execution(arn, _value(delivery), delivery.name)
        except Exception as error:
            # From whichever service: a taken name is this event's execution, started before.
            taken = isinstance(error, ExecutionExistsError)
            if not taken and error_code(error) != "ExecutionAlreadyExists":
                raise


def _value(delivery: Delivery) -> Any:
    if isinstance(delivery.input, Text):
        raise DeliveryRefusedError("INVALID_JSON", "the input transformer does not make JSON")
    return delivery.input


def delivery_error(error: Exception) -> DeliveryError:
    """What a service's error means for a delivery: whether to try again, and AWS's code."""
    code = error_code(error)
    text = str(error) or type(error).__name__
    if code in _NO_RESOURCE or isinstance(error, MachineNotFoundError):
        return DeliveryRefusedError("NO_RESOURCE", text)
    if code in _NO_PERMISSIONS:
        return DeliveryRefusedError("NO_PERMISSIONS", text)
    if code in _INVALID or isinstance(error, InvalidInputError):
        return DeliveryRefusedError("INVALID_PARAMETER", text)
    if code in _THROTTLED:
        return DeliveryError("THROTTLING", text)
    if code in _LIMITED:
        return DeliveryError("RESOURCE_LIMIT_EXCEEDED", text)
    if isinstance(error, TimeoutError):
        return DeliveryError("TIMEOUT", text)
    if isinstance(error, ConnectionError):
        return DeliveryError("CONNECTION_FAILURE", text)
    return DeliveryError("ERROR_FROM_TARGET" if code else "SDK_CLIENT_ERROR", text)


def error_code(error: Exception) -> str:
    """The AWS error code that an error carries: botocore's ClientError, or a `code`."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", "") or "")
