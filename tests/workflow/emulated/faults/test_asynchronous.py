"""Asynchronous invocations that fail: attempts, destinations, the dead-letter queue."""

import json
import re
from datetime import datetime

from faults_world import FaultsWorld
from stack_world import until


def send(faults: FaultsWorld, function: str, payload: object) -> str:
    """Invoke a function with an event; returns the request id."""
    answer = faults.functions.invoke(
        FunctionName=faults.function(function),
        InvocationType="Event",
        Payload=json.dumps(payload),
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    return str(answer["ResponseMetadata"]["RequestId"])


def test_two_retries_then_the_destination(faults: FaultsWorld) -> None:
    key = faults.name("event")
    payload = {"key": key, "way": "raises", "text": 'é💸 "quoted"'}
    request_id = send(faults, "AsyncFails", payload)
    message = faults.receive(faults.queue_of("Failures"), "the record", holds=key)
    record = json.loads(message["Body"])
    answer = record.pop("responsePayload")
    sent = record.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sent)
    assert datetime.fromisoformat(sent).tzinfo is not None
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": faults.arn("AsyncFails") + ":$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }
    assert answer["errorType"] == "OutOfStockError"
    assert answer["errorMessage"] == "no sku_1 is left"
    assert answer["requestId"] == request_id
    assert any("raise OutOfStockError" in line for line in answer["stackTrace"])
    assert "MessageAttributes" not in message
    noted = faults.attempts(key)
    assert [note["request_id"] for note in noted] == [request_id] * 3


def test_a_retry_that_succeeds_leaves_no_record(faults: FaultsWorld) -> None:
    key, last = faults.name("event"), faults.name("event")
    request_id = send(faults, "AsyncFails", {"key": key, "way": "killed", "times": 2})
    until(lambda: len(faults.attempts(key)) == 3, "the third attempt")
    assert {note["request_id"] for note in faults.attempts(key)} == {request_id}
    # A record of it would be there before that of a later event.
    send(faults, "AsyncFails", {"key": last, "way": "raises"})
    url = faults.queue_of("Failures")
    faults.receive(url, "the later record", holds=last)
    bodies = faults.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)[
        "Messages"
    ]
    assert not any(key in message["Body"] for message in bodies)


def test_the_dead_letter_queue(faults: FaultsWorld) -> None:
    payload = {"key": faults.name("event"), "way": "raises"}
    request_id = send(faults, "AsyncOnce", payload)
    message = faults.receive(faults.queue_of("DeadLetters"), "the letter", holds=payload["key"])
    assert json.loads(message["Body"]) == payload
    assert {
        name: (value["DataType"], value["StringValue"])
        for name, value in message["MessageAttributes"].items()
    } == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no sku_1 is left"),
    }
    assert len(faults.attempts(payload["key"])) == 1


def test_the_success_destination_is_a_bus(faults: FaultsWorld) -> None:
    payload = {"key": faults.name("event"), "said": ["é", 1, None]}
    request_id = send(faults, "AsyncTold", payload)
    message = faults.receive(faults.queue_of("Successes"), "the event", holds=payload["key"])
    event = json.loads(message["Body"])
    assert event["source"] == "lambda"
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [faults.bus_arn, faults.arn("AsyncTold") + ":$LATEST"]
    detail = event["detail"]
    detail.pop("timestamp")
    assert detail == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": faults.arn("AsyncTold") + ":$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": payload,
    }


def test_throttled_on_purpose_it_is_not_tried_again(faults: FaultsWorld) -> None:
    """Reserved concurrency 0: AWS sends such events to the destination at once."""
    key, function = faults.name("event"), faults.function("AsyncFails")
    faults.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        request_id = send(faults, "AsyncFails", {"key": key, "way": "raises"})
        message = faults.receive(faults.queue_of("Failures"), "the record", holds=key)
    finally:
        faults.functions.delete_function_concurrency(FunctionName=function)
    record = json.loads(message["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record
    assert faults.attempts(key) == []
