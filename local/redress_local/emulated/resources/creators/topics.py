"""SNS topics: alarms and people listen to them in AWS; here they can be published to."""

from __future__ import annotations

from typing import Any

from redress_local.emulated.resources.coercion import boolean, text
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created

_ATTRIBUTES = ("ContentBasedDeduplication", "DisplayName", "FifoTopic", "KmsMasterKeyId")


def _topic(it: Making) -> Created:
    fifo = boolean(it.get("FifoTopic", False))
    attributes: dict[str, Any] = {key: text(value) for key, value in it.take(*_ATTRIBUTES).items()}
    arn = it.call(
        "sns",
        "create_topic",
        Name=it.name("TopicName", limit=256, tail=".fifo" if fifo else ""),
        Attributes=attributes,
        **it.take("Tags"),
    )["TopicArn"]
    return Created(ref=arn, attributes={"TopicArn": arn, "TopicName": arn.rpartition(":")[2]})


def _policy(it: Making) -> Created:
    for arn in it.required("Topics"):
        it.call(
            "sns",
            "set_topic_attributes",
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=it.required("PolicyDocument"),
        )
    name = it.made_up_name()
    return Created(ref=name, attributes={"Id": name})


KINDS: Table = {
    "AWS::SNS::Topic": kind(
        _topic,
        "TopicName Tags " + " ".join(_ATTRIBUTES),
        "ArchivePolicy DataProtectionPolicy DeliveryStatusLogging SignatureVersion TracingConfig",
    ),
    "AWS::SNS::TopicPolicy": kind(_policy, "PolicyDocument Topics"),
}
