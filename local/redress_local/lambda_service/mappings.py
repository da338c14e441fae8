"""Event source mappings: which queue feeds which function, and how."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from redress_local.events.errors import InvalidPatternError
from redress_local.events.patterns import compile_pattern
from redress_local.lambda_service.errors import InvalidParameterError

REPORT_BATCH_ITEM_FAILURES: Final = "ReportBatchItemFailures"
_SMALL_BATCH = 10
_LARGEST_BATCH = 10_000
_LONGEST_WINDOW = 300
_MOST_FILTERS = 10


class EventSourceMapping(msgspec.Struct, frozen=True, kw_only=True):
    """One mapping of an SQS queue to a function.

    Attributes:
        function: Its name.
        source_arn: The queue.
        batch_size: Most messages of one invocation.
        batching_window: Seconds that messages are gathered.
        report_item_failures: Whether the function says which messages failed.
        filters: Event patterns as JSON text; a message that matches none is deleted.
        maximum_concurrency: Most invocations at once; None is AWS's own choice.
        modified: Seconds since the epoch.
    """

    function: str
    source_arn: str
    batch_size: int = _SMALL_BATCH
    batching_window: int = 0
    enabled: bool = True
    report_item_failures: bool = False
    filters: tuple[str, ...] = ()
    maximum_concurrency: int | None = None
    uuid: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    modified: float = msgspec.field(default_factory=time.time)

    def check(self) -> None:
        """Refuse what AWS refuses, and what the local cloud does not poll.

        Raises:
            InvalidParameterError: Says what is wrong.
        """
        parts = self.source_arn.split(":")
        if len(parts) != 6 or parts[2] != "sqs" or not parts[5]:
            raise InvalidParameterError(
                f"The local cloud polls SQS queues only, not {self.source_arn}"
            )
        if not 1 <= self.batch_size <= _LARGEST_BATCH:
            raise InvalidParameterError(f"BatchSize is 1 to {_LARGEST_BATCH}")
        if not 0 <= self.batching_window <= _LONGEST_WINDOW:
            raise InvalidParameterError(f"MaximumBatchingWindowInSeconds is 0 to {_LONGEST_WINDOW}")
        if parts[5].endswith(".fifo"):
            if self.batching_window or self.batch_size > _SMALL_BATCH:
                raise InvalidParameterError(
                    "Batching window is not supported for FIFO queues, nor more than 10 messages"
                )
        elif self.batch_size > _SMALL_BATCH and not self.batching_window:
            raise InvalidParameterError(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
                "greater than 10"
            )
        if self.maximum_concurrency is not None and not 2 <= self.maximum_concurrency <= 1000:
            raise InvalidParameterError("MaximumConcurrency is 2 to 1000")
        if len(self.filters) > _MOST_FILTERS:
            raise InvalidParameterError(f"An event source mapping takes {_MOST_FILTERS} filters")
        compile_filters(self.filters)


def compile_filters(filters: Sequence[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Compile a mapping's filters into a predicate over Lambda's SQS records.

    The body is matched as JSON where it is a JSON object, else as text: a filter of the one kind
    never matches a body of the other.

    Raises:
        InvalidParameterError: A filter is not an event pattern.
    """
    predicates = []
    for text in filters:
        try:
            predicates.append(compile_pattern(msgspec.json.decode(text)))
        except (msgspec.DecodeError, InvalidPatternError) as error:
            raise InvalidParameterError(f"Invalid filter pattern definition: {error}") from None
    if not predicates:
        return lambda _record: True

    def matches(message: Mapping[str, Any]) -> bool:
        try:
            body = msgspec.json.decode(message["body"])
        except msgspec.DecodeError:
            body = None
        event = {**message, "body": body if isinstance(body, dict) else message["body"]}
        return any(predicate(event) for predicate in predicates)

    return matches
