"""The contract of an `EventPublisher` and of a `TaskCallback`."""

import json
from typing import Any

import pytest
from redress.adapters.memory.callback import MemoryCallback
from redress.adapters.memory.events import MemoryPublisher


def test_memory_publisher_keeps_events() -> None:
    publisher = MemoryPublisher()
    publisher.publish("CaseFailed", {"case_id": "c"})
    publisher.publish("CaseResolved", {"case_id": "d"})
    assert publisher.of("CaseFailed") == [{"case_id": "c"}]


def test_eventbridge_delivers_to_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    import boto3
    from moto import mock_aws
    from redress.adapters.aws.events import EventBridgePublisher

    with mock_aws():
        events: Any = boto3.client("events")
        sqs: Any = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="q")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        events.create_event_bus(Name="bus")
        pattern = json.dumps({"source": ["redress"], "detail-type": ["CaseFailed"]})
        events.put_rule(Name="r", EventBusName="bus", EventPattern=pattern)
        target = {"Id": "1", "Arn": attributes["Attributes"]["QueueArn"]}
        events.put_targets(Rule="r", EventBusName="bus", Targets=[target])
        publisher = EventBridgePublisher("bus", events)
        publisher.publish("CaseFailed", {"case_id": "Zoë"})
        publisher.publish("CaseResolved", {"case_id": "d"})
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(m["Body"])["detail"] for m in messages] == [{"case_id": "Zoë"}]


def test_memory_callback_answers_each_token_once() -> None:
    callback = MemoryCallback(["a", "b"])
    assert callback.send_success("a", {"x": 1})
    assert not callback.send_success("a", {"x": 2})
    assert callback.send_failure("b", "E", "c")
    assert not callback.send_failure("other", "E", "c")
    assert callback.answers == {"a": {"output": {"x": 1}}, "b": {"error": "E", "cause": "c"}}
