"""Event source mappings: which queues feed which functions, and the pollers that do it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from redress_local.lambda_service.errors import (
    ConflictError,
    FunctionNotFoundError,
    InvalidParameterError,
)
from redress_local.lambda_service.mappings import EventSourceMapping
from redress_local.lambda_service.sqs_poller import SqsPoller
from redress_local.lambda_service.types import FunctionSpec, Outcome


class EventSources:
    """The mappings of a Lambda service, each with its poller. Thread-safe.

    Args:
        function: Finds a function by name or ARN.
        invoke: Runs a function on a batch.
        sqs_client: Gives a boto3 SQS client; called on first use. None: there are no queues.
        poll_seconds: Of one long poll of a queue.
    """

    def __init__(
        self,
        function: Callable[[str], FunctionSpec],
        invoke: Callable[..., Outcome],
        sqs_client: Callable[[], Any] | None,
        poll_seconds: int,
    ) -> None:
        self._function = function
        self._invoke = invoke
        self._sqs_client = sqs_client
        self._poll_seconds = poll_seconds
        self._lock = threading.RLock()
        self._mappings: dict[str, EventSourceMapping] = {}
        self._pollers: dict[str, SqsPoller] = {}
        self._closed = False

    def create(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """Feed a function from a queue; `mapping.function` may be an ARN.

        Raises:
            FunctionNotFoundError: There is no such function.
            ConflictError: The queue feeds it already.
            InvalidParameterError: AWS, or the local cloud, does not take it.
        """
        name = self._function(mapping.function).name
        mapping = msgspec.structs.replace(mapping, function=name)
        mapping.check()
        with self._lock:
            for other in self._mappings.values():
                if (other.function, other.source_arn) == (name, mapping.source_arn):
                    raise ConflictError(
                        f"An event source mapping with SQS arn ({mapping.source_arn}) and function "
                        f"({name}) already exists. Please update or delete the existing mapping "
                        f"with UUID {other.uuid}"
                    )
            self._start_polling(mapping)
            self._mappings[mapping.uuid] = mapping
        return mapping

    def get(self, identifier: str) -> EventSourceMapping:
        """A mapping by its UUID.

        Raises:
            FunctionNotFoundError: There is none.
        """
        with self._lock:
            found = self._mappings.get(identifier)
        if found is None:
            raise FunctionNotFoundError("The resource you requested does not exist.")
        return found

    def all(self) -> list[EventSourceMapping]:
        """Every mapping, in the order they were made."""
        with self._lock:
            return list(self._mappings.values())

    def update(self, identifier: str, **changes: Any) -> EventSourceMapping:
        """Change a mapping; polling goes on as it now says.

        Raises:
            FunctionNotFoundError: There is none.
            InvalidParameterError: AWS, or the local cloud, does not take the change.
        """
        with self._lock:
            old = self.get(identifier)
            mapping = msgspec.structs.replace(old, **changes, modified=time.time())
            mapping = msgspec.structs.replace(
                mapping, function=self._function(mapping.function).name
            )
            mapping.check()
            self._mappings[identifier] = mapping
            self._stop_polling(identifier)
            self._start_polling(mapping)
        return mapping

    def delete(self, identifier: str) -> EventSourceMapping:
        """Stop a mapping and forget it.

        Raises:
            FunctionNotFoundError: There is none.
        """
        with self._lock:
            mapping = self.get(identifier)
            del self._mappings[identifier]
            self._stop_polling(identifier)
        return mapping

    def last_processing_result(self, identifier: str) -> str:
        """What became of a mapping's last batch, in Lambda's words."""
        poller = self._pollers.get(identifier)
        return poller.last_result if poller else "No records processed"

    def _start_polling(self, mapping: EventSourceMapping) -> None:
        if not mapping.enabled or self._closed:
            return
        if self._sqs_client is None:
            raise InvalidParameterError("This Lambda service has no queues to poll")
        poller = SqsPoller(
            mapping, self._sqs_client(), self._invoke, wait_seconds=self._poll_seconds
        )
        self._pollers[mapping.uuid] = poller
        poller.start()

    def _stop_polling(self, identifier: str) -> None:
        if poller := self._pollers.pop(identifier, None):
            poller.stop()

    def close(self) -> None:
        """Stop every poller, and start none any more."""
        with self._lock:
            self._closed = True
            for identifier in list(self._pollers):
                self._stop_polling(identifier)
