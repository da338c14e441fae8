"""Queues by boto3: targets, destinations and dead-letter queues of the emulated cloud."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any


class SqsQueues:
    """Puts messages on SQS queues by ARN.

    Args:
        client: A boto3 SQS client; clients are safe to share between threads.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}

    def send_message(
        self,
        queue_arn: str,
        body: str,
        attributes: Mapping[str, str | int],
        group_id: str | None = None,
    ) -> None:
        """Put a message on a queue.

        Args:
            queue_arn: The queue.
            body: The message.
            attributes: Message attributes; integers are of type Number, the rest texts.
            group_id: MessageGroupId, for a fifo queue.

        Raises:
            botocore.exceptions.ClientError: The queue does not take it.
        """
        more: dict[str, Any] = {}
        if attributes:
            more["MessageAttributes"] = {
                key: {
                    "DataType": "Number" if isinstance(value, int) else "String",
                    "StringValue": str(value),
                }
                for key, value in attributes.items()
            }
        if group_id is not None:
            more["MessageGroupId"] = group_id
        self._client.send_message(QueueUrl=self._url(queue_arn), MessageBody=body, **more)

    def _url(self, arn: str) -> str:
        with self._lock:
            known = self._urls.get(arn)
        if known is None:
            answer = self._client.get_queue_url(QueueName=arn.rpartition(":")[2])
            known = str(answer["QueueUrl"])
            with self._lock:
                self._urls[arn] = known
        return known
