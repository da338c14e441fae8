"""What becomes of an asynchronous event: attempts, destinations, the dead-letter queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from redress_local.lambda_service import async_queue, destinations
from redress_local.lambda_service.async_queue import DONE, AsyncEvent, Step
from redress_local.lambda_service.destinations import Sender
from redress_local.lambda_service.errors import (
    FunctionNotFoundError,
    LambdaServiceError,
)
from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.types import FunctionSpec, Outcome

_log = logging.getLogger(__name__)


class AsyncInvocation:
    """Runs attempts and sends records.

    Args:
        invoke: Runs a function once.
        function: Its specification now.
        config: Its EventInvokeConfig now.
        enqueue: Invokes a function asynchronously, for Lambda destinations.
        sender: Carries records to queues and buses; None refuses them with a line in the log.
    """

    def __init__(
        self,
        *,
        invoke: Callable[[AsyncEvent], Outcome],
        function: Callable[[str], FunctionSpec],
        config: Callable[[str], EventInvokeConfig],
        enqueue: Callable[[str, bytes], object],
        sender: Sender | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._invoke = invoke
        self._function = function
        self._config = config
        self._enqueue = enqueue
        self._sender = sender
        self._clock = clock

    def attempt(self, event: AsyncEvent) -> Step:
        """Try an event once and say what next.

        Raises:
            FunctionNotFoundError: The function was deleted.
        """
        spec, config = self._function(event.function), self._config(event.function)
        if event.age(self._clock()) > config.age:
            return self._give_up(event, spec, config, destinations.EVENT_AGE_EXCEEDED)
        try:
            outcome = self._invoke(event)
        except FunctionNotFoundError:
            raise
        except LambdaServiceError as error:
            event.refusals += 1
            event.refusal = str(error)
            if spec.reserved_concurrency == 0:
                # AWS does not retry what is throttled by intention.
                return self._give_up(event, spec, config, destinations.RETRIES_EXHAUSTED)
            return async_queue.retry_after_refusal(event)
        event.attempts += 1
        event.outcome, event.refusal = outcome, None
        if outcome.function_error is None:
            self._send_record(event, spec, config.on_success, destinations.SUCCESS)
            return DONE
        if event.attempts > config.retries:
            return self._give_up(event, spec, config, destinations.RETRIES_EXHAUSTED)
        return async_queue.retry_after_error(event)

    def _give_up(
        self, event: AsyncEvent, spec: FunctionSpec, config: EventInvokeConfig, condition: str
    ) -> Step:
        _log.info(
            "an asynchronous event of %s failed for good: %s after %d attempts",
            spec.name,
            condition,
            event.attempts,
        )
        self._send_record(event, spec, config.on_failure, condition)
        if spec.dead_letter_arn:
            self._send_dead_letter(event, spec.dead_letter_arn)
        return DONE

    def _send_record(
        self, event: AsyncEvent, spec: FunctionSpec, target: str | None, condition: str
    ) -> None:
        if not target:
            return
        body = destinations.record(
            request_id=event.request_id,
            function_arn=spec.arn,
            condition=condition,
            attempts=event.attempts,
            payload=event.payload,
            outcome=event.outcome,
        )
        try:
            self._deliver(target, body, spec, condition)
        except Exception:  # noqa: BLE001
            # AWS counts DestinationDeliveryFailures and goes on: nobody waits for the answer.
            _log.exception("a record of %s could not be sent to %s", spec.name, target)

    def _deliver(self, target: str, body: bytes, spec: FunctionSpec, condition: str) -> None:
        kind = destinations.service_of(target)
        if kind == "lambda":
            self._enqueue(target, body)
            return
        sender = self._need_sender()
        if kind == "sqs":
            sender.send_message(target, body.decode(), {})
            return
        ending = "Success" if condition == destinations.SUCCESS else "Failure"
        sender.put_event(
            target,
            "lambda",
            f"Lambda Function Invocation Result - {ending}",
            body.decode(),
            [target, f"{spec.arn}:$LATEST"],
        )

    def _send_dead_letter(self, event: AsyncEvent, queue: str) -> None:
        attributes = destinations.dead_letter_attributes(
            event.request_id, event.outcome, event.refusal
        )
        try:
            self._need_sender().send_message(queue, event.payload.decode(), attributes)
        except Exception:  # noqa: BLE001
            # AWS counts DeadLetterErrors and goes on: nobody waits for the answer.
            _log.exception("a dead letter of %s could not be sent to %s", event.function, queue)

    def _need_sender(self) -> Sender:
        if self._sender is None:
            raise LambdaServiceError("nothing carries records of asynchronous invocations here")
        return self._sender
