"""Where records of asynchronous invocations go: destinations, dead-letter queues, their content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

import msgspec

from redress_local.events.sqs import SqsQueues
from redress_local.lambda_service.errors import InvalidParameterError
from redress_local.lambda_service.types import LATEST, Outcome

RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"
SUCCESS = "Success"
_MESSAGE_LIMIT = 1024


class Sender(Protocol):
    """What carries records out of the Lambda service."""

    def send_message(
        self, queue_arn: str, body: str, attributes: Mapping[str, str | int]
    ) -> object:
        """Put a message on a queue; integers are attributes of type Number."""
        ...

    def put_event(
        self, bus_arn: str, source: str, detail_type: str, detail: str, resources: list[str]
    ) -> object:
        """Put an event on a bus; the detail is JSON text."""
        ...


class Boto3Sender:
    """Sends by boto3 clients.

    Args:
        sqs: Gives an SQS client; called on first use.
        events: Gives an EventBridge client; called on first use.
    """

    def __init__(self, sqs: Callable[[], Any], events: Callable[[], Any]) -> None:
        self._sqs = sqs
        self._events = events

    @cached_property
    def _queues(self) -> SqsQueues:
        return SqsQueues(self._sqs())

    def send_message(self, queue_arn: str, body: str, attributes: Mapping[str, str | int]) -> None:
        """Put a message on a queue."""
        self._queues.send_message(queue_arn, body, attributes)

    def put_event(
        self, bus_arn: str, source: str, detail_type: str, detail: str, resources: list[str]
    ) -> object:
        """Put an event on a bus.

        Raises:
            RuntimeError: The bus did not take it.
        """
        entry = {
            "EventBusName": bus_arn,
            "Source": source,
            "DetailType": detail_type,
            "Detail": detail,
            "Resources": resources,
        }
        answer = self._events().put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            raise RuntimeError(f"{bus_arn} did not take the event: {answer['Entries'][0]}")
        return answer


def service_of(arn: str) -> str:
    """The kind of a destination: sqs, lambda or events.

    Raises:
        InvalidParameterError: It is none of those that the local cloud delivers to.
    """
    parts = arn.split(":", 5)
    service = parts[2] if len(parts) == 6 and parts[0] == "arn" else ""
    if service in {"sqs", "lambda", "events"}:
        return service
    if service in {"sns", "s3"}:
        raise InvalidParameterError(
            f"The local cloud delivers to SQS, Lambda and EventBridge, not to {service}: {arn}"
        )
    raise InvalidParameterError(f"The provided destination config DestinationArn {arn} is invalid.")


def record(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    attempts: int,
    payload: bytes,
    outcome: Outcome | None,
) -> bytes:
    """AWS's record of an asynchronous invocation, as JSON.

    Args:
        request_id: Of the event.
        function_arn: Unqualified.
        condition: How the event ended.
        attempts: How often the function ran.
        payload: The event, JSON.
        outcome: Of the last attempt; None when there was none.
    """
    document: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function_arn}:{LATEST}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": msgspec.Raw(payload),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": LATEST}
        if outcome.function_error:
            context["functionError"] = outcome.function_error
        document["responseContext"] = context
        document["responsePayload"] = _json(outcome.payload)
    return msgspec.json.encode(document)


def _json(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload, type=msgspec.Raw)
    except msgspec.DecodeError:
        return payload.decode("utf-8", "replace")


def dead_letter_attributes(
    request_id: str, outcome: Outcome | None, throttled: str | None
) -> dict[str, str | int]:
    """The attributes of a message in a function's dead-letter queue.

    Args:
        request_id: Of the event.
        outcome: Of the last attempt; None when there was none.
        throttled: The message of a throttled last attempt.
    """
    message = throttled or ""
    if outcome is not None and not throttled:
        try:
            answer = msgspec.json.decode(outcome.payload)
        except msgspec.DecodeError:
            answer = None
        if isinstance(answer, dict):
            message = str(answer.get("errorMessage") or "")
    attributes: dict[str, str | int] = {
        "RequestID": request_id,
        "ErrorCode": 429 if throttled else 200,
    }
    # SQS takes no empty attribute.
    if message := message[:_MESSAGE_LIMIT]:
        attributes["ErrorMessage"] = message
    return attributes
