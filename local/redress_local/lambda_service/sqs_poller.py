"""Feeds a function from an SQS queue: one poller per enabled event source mapping."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from redress_local.lambda_service.errors import LambdaServiceError
from redress_local.lambda_service.mappings import EventSourceMapping, compile_filters
from redress_local.lambda_service.sqs_batches import failed_messages, to_record
from redress_local.lambda_service.types import Outcome

_log = logging.getLogger(__name__)

_RECEIVE_AT_ONCE = 10
_PAYLOAD_LIMIT = 6 * 1024 * 1024
_DEFAULT_CONCURRENCY = 5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0

Message = Mapping[str, Any]


class SqsPoller:
    """Polls one queue until it is stopped.

    Messages are deleted when the function took them; those of a failed batch stay as they are and
    become visible again, so that the queue's redrive policy counts them.

    Args:
        mapping: What to poll, and how.
        client: A boto3 SQS client.
        invoke: Runs the function with the event, JSON.
        wait_seconds: Of one long poll.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        client: Any,
        invoke: Callable[[str, bytes], Outcome],
        *,
        wait_seconds: int = 1,
    ) -> None:
        self._mapping = mapping
        self._client = client
        self._invoke = invoke
        self._wait = wait_seconds
        self._matches = compile_filters(mapping.filters)
        self._stopping = threading.Event()
        concurrency = mapping.maximum_concurrency or _DEFAULT_CONCURRENCY
        self._slots = threading.Semaphore(concurrency)
        self._workers = ThreadPoolExecutor(concurrency, f"lambda-sqs-{mapping.uuid[:8]}")
        self._url = ""
        self.last_result = "No records processed"
        self._thread = threading.Thread(
            target=self._run, name=f"lambda-poll-{mapping.uuid[:8]}", daemon=True
        )

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self, timeout: float = 0.0) -> None:
        """Take no more messages; what a poll under way still brings is put back at once.

        Args:
            timeout: Seconds to wait for the poll and for the batches that are being worked on.
        """
        self._stopping.set()
        self._workers.shutdown(wait=False)
        if timeout and self._thread.is_alive():
            end = time.monotonic() + timeout
            self._thread.join(timeout)
            for _ in range(self._mapping.maximum_concurrency or _DEFAULT_CONCURRENCY):
                self._slots.acquire(timeout=max(end - time.monotonic(), 0.0))

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            # A place first: messages that nobody works on should stay visible to others.
            if not self._slots.acquire(timeout=0.1):
                continue
            handed_over = False
            try:
                handed_over = self._poll_once()
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001
                # The thread outlives whatever the queue answers: it may be made later, or be back.
                if not self._stopping.is_set():
                    self.last_result = f"PROBLEM: {error}"
                    _log.warning("polling %s failed: %s", self._mapping.source_arn, error)
                    self._stopping.wait(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
            finally:
                if not handed_over:
                    self._slots.release()

    def _poll_once(self) -> bool:
        """Gather a batch and hand it over; False when there was nothing to do."""
        if not self._url:
            name = self._mapping.source_arn.rpartition(":")[2]
            self._url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        batch: list[tuple[Message, bytes]] = []
        unwanted: list[Message] = []
        try:
            rest = self._gather(batch, unwanted)
        except Exception:
            self._put_back([message for message, _ in batch])
            raise
        if unwanted:
            self._delete(unwanted)
        if self._stopping.is_set():
            self._put_back([*(message for message, _ in batch), *rest])
            return False
        if rest:
            # Over the size of one event: they come with the next batch.
            self._put_back(rest)
        if not batch:
            return False
        try:
            self._workers.submit(self._process, batch)
        except RuntimeError:
            # Stopped between the question above and here.
            self._put_back([message for message, _ in batch])
            return False
        return True

    def _gather(
        self, batch: list[tuple[Message, bytes]], unwanted: list[Message]
    ) -> Sequence[Message]:
        """Receive until the batch is full or its window over; returns what did not fit."""
        mapping, size, end = self._mapping, len(b'{"Records":[]}'), None
        while len(batch) < mapping.batch_size and not self._stopping.is_set():
            left = self._wait if end is None else end - time.monotonic()
            if left <= 0 and end is not None:
                break
            received = self._receive(
                min(mapping.batch_size - len(batch), _RECEIVE_AT_ONCE),
                min(self._wait, int(left)),
            )
            for index, message in enumerate(received):
                record = to_record(message, mapping.source_arn)
                if not self._matches(record):
                    unwanted.append(message)
                    continue
                data = msgspec.json.encode(record)
                if batch and size + len(data) + 1 > _PAYLOAD_LIMIT:
                    return received[index:]
                size += len(data) + 1
                batch.append((message, data))
            if not mapping.batching_window:
                break
            if end is None:
                if not batch:
                    break
                # The window opens with the first message.
                end = time.monotonic() + mapping.batching_window
            elif not received:
                self._stopping.wait(min(0.2, max(end - time.monotonic(), 0.0)))
        return ()

    def _receive(self, count: int, wait: int) -> list[Message]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found: list[Message] = answer.get("Messages") or []
        return found

    def _process(self, batch: Sequence[tuple[Message, bytes]]) -> None:
        try:
            messages = [message for message, _ in batch]
            event = b'{"Records":[' + b",".join(data for _, data in batch) + b"]}"
            done = self._taken(messages, event)
            if done:
                self._delete(done)
        except Exception:  # noqa: BLE001
            # The boundary of the thread: the messages become visible again and are tried again.
            _log.exception("a batch of %s was not finished", self._mapping.source_arn)
        finally:
            self._slots.release()

    def _taken(self, messages: Sequence[Message], event: bytes) -> list[Message]:
        """The messages that the function took."""
        try:
            outcome = self._invoke(self._mapping.function, event)
        except LambdaServiceError as error:
            # Throttled, as a rule. The messages wait for their visibility timeout, as in AWS.
            self.last_result = f"PROBLEM: {error}"
            self._stopping.wait(0.1)
            return []
        if outcome.function_error:
            self.last_result = "PROBLEM: Function call failed"
            return []
        self.last_result = "OK"
        if not self._mapping.report_item_failures:
            return list(messages)
        failed = failed_messages(outcome.payload, [message["MessageId"] for message in messages])
        if failed:
            self.last_result = "PROBLEM: Function reported batch item failures"
        return [message for message in messages if message["MessageId"] not in failed]

    def _delete(self, messages: Sequence[Message]) -> None:
        for chunk in _chunks(messages):
            answer = self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(chunk)
                ],
            )
            if answer.get("Failed"):
                # Its visibility timeout ended before the function did: it will come again.
                _log.warning(
                    "%d messages of %s could not be deleted",
                    len(answer["Failed"]),
                    self._mapping.source_arn,
                )

    def _put_back(self, messages: Sequence[Message]) -> None:
        try:
            for chunk in _chunks(messages):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(index),
                            "ReceiptHandle": message["ReceiptHandle"],
                            "VisibilityTimeout": 0,
                        }
                        for index, message in enumerate(chunk)
                    ],
                )
        except Exception as error:  # noqa: BLE001
            # A courtesy: without it they come back when their visibility timeout ends.
            _log.debug("messages of %s were not put back: %s", self._mapping.source_arn, error)


def _chunks(messages: Sequence[Message]) -> Iterable[Sequence[Message]]:
    for start in range(0, len(messages), _RECEIVE_AT_ONCE):
        yield messages[start : start + _RECEIVE_AT_ONCE]
