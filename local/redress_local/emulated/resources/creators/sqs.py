"""SQS queues and their policies."""

import json
from typing import Any

from redress_local.emulated.resources.coercion import boolean, text
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created

_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


def _queue(it: Making) -> Created:
    fifo = boolean(it.get("FifoQueue", False))
    name = it.name("QueueName", limit=80, tail=".fifo" if fifo else "")
    attributes = {key: _attribute(value) for key, value in it.take(*_ATTRIBUTES).items()}
    if not fifo:
        # The API takes it only as true.
        attributes.pop("FifoQueue", None)
    tags = {tag["Key"]: text(tag["Value"]) for tag in it.get("Tags", [])}
    url = it.call("sqs", "create_queue", QueueName=name, Attributes=attributes, tags=tags or None)[
        "QueueUrl"
    ]
    return Created(
        ref=url,
        attributes={"Arn": it.arn("sqs", name), "QueueName": name, "QueueUrl": url},
    )


def _attribute(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else text(value)


def _policy(it: Making) -> Created:
    document = _attribute(it.required("PolicyDocument"))
    for url in it.required("Queues"):
        it.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": document})
    name = it.made_up_name()
    return Created(ref=name, attributes={"Id": name})


KINDS: Table = {
    "AWS::SQS::Queue": kind(_queue, " ".join(["QueueName Tags", *_ATTRIBUTES])),
    "AWS::SQS::QueuePolicy": kind(_policy, "PolicyDocument Queues"),
}
