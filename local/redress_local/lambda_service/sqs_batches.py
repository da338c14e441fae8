"""SQS messages as Lambda hands them to a function, and what the function's answer says of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


def to_record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """One received message (boto3's shape) as a record of Lambda's SQS event."""
    attributes = {}
    for name, value in (message.get("MessageAttributes") or {}).items():
        attribute: dict[str, Any] = {
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value.get("DataType", "String"),
        }
        if "StringValue" in value:
            attribute["stringValue"] = value["StringValue"]
        if "BinaryValue" in value:
            attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
        attributes[name] = attribute
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message.get("Body", ""),
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": attributes,
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def failed_messages(answer: bytes, message_ids: Sequence[str]) -> set[str]:
    """Which messages of a batch failed, by the answer of a function that reports them.

    As AWS has it: an empty or null list, an empty object or null is complete success; what is not
    JSON, not of this shape, or names an empty or foreign message is complete failure.
    """
    everything = set(message_ids)
    try:
        response = msgspec.json.decode(answer) if answer.strip() else None
    except msgspec.DecodeError:
        return everything
    if response is None or response == {}:
        return set()
    if not isinstance(response, dict):
        return everything
    items = response.get("batchItemFailures")
    if items is None:
        # A misspelt key reports nothing: nothing of the batch counts as failed.
        return set()
    if not isinstance(items, list):
        return everything
    failed = set()
    for item in items:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or identifier not in everything:
            return everything
        failed.add(identifier)
    return failed
