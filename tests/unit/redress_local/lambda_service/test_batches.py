"""Batches of SQS messages: records, filters, partial answers, limits of mappings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambda_world import QUEUE
from redress_local.lambda_service.errors import InvalidParameterError
from redress_local.lambda_service.mappings import EventSourceMapping, compile_filters
from redress_local.lambda_service.sqs_batches import failed_messages, to_record

IDS = ["a", "b", "c"]


def items(*identifiers):
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]})


@pytest.mark.parametrize(
    "answer",
    ["", "null", "{}", " ", '{"batchItemFailures": []}', '{"batchItemFailures": null}', '{"x":1}'],
)
def test_nothing_reported_is_success(answer):
    assert failed_messages(answer.encode(), IDS) == set()


@pytest.mark.parametrize(
    "answer",
    [
        "{",
        "[]",
        '"ok"',
        "7",
        items(""),
        items(None),
        items("a", "foreign"),
        items(1),
        '{"batchItemFailures": [{"itemId": "a"}]}',
        '{"batchItemFailures": ["a"]}',
        '{"batchItemFailures": "a"}',
    ],
)
def test_a_wrong_answer_fails_the_whole_batch(answer):
    assert failed_messages(answer.encode(), IDS) == set(IDS)


@given(st.sets(st.sampled_from(IDS)))
def test_only_the_reported_ones_fail(failed):
    assert failed_messages(items(*failed).encode(), IDS) == failed


def test_a_message_as_lambda_has_it():
    message = {
        "MessageId": "1",
        "ReceiptHandle": "r",
        "Body": "ö",
        "MD5OfBody": "m",
        "Attributes": {"ApproximateReceiveCount": "2"},
        "MessageAttributes": {
            "n": {"DataType": "Number", "StringValue": "4"},
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    }
    record = to_record(message, QUEUE + "q")
    json.dumps(record)
    assert record["body"] == "ö"
    assert record["awsRegion"] == "us-east-1"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == QUEUE + "q"
    assert record["attributes"] == {"ApproximateReceiveCount": "2"}
    assert record["messageAttributes"]["n"]["stringValue"] == "4"
    assert record["messageAttributes"]["b"]["binaryValue"] == "AAE="


@pytest.mark.parametrize(
    ("pattern", "body", "matches"),
    [
        ({"body": {"kind": ["refund"]}}, '{"kind":"refund"}', True),
        ({"body": {"kind": ["refund"]}}, '{"kind":"other"}', False),
        ({"body": {"kind": ["refund"]}}, "refund", False),
        ({"body": ["refund"]}, "refund", True),
        ({"body": ["refund"]}, '{"kind":"refund"}', False),
        ({"body": {"amount": [{"numeric": [">", 5]}]}}, '{"amount": 6}', True),
        ({"eventSource": ["aws:sqs"]}, "x", True),
    ],
)
def test_filters(pattern, body, matches):
    record = to_record({"MessageId": "1", "ReceiptHandle": "r", "Body": body}, QUEUE + "q")
    assert compile_filters([json.dumps(pattern)])(record) is matches
    assert compile_filters(['{"body": ["no"]}', json.dumps(pattern)])(record) is matches
    assert compile_filters([])(record)


@pytest.mark.parametrize(
    "changes",
    [
        {"source_arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
        {"source_arn": "queue"},
        {"batch_size": 0},
        {"batch_size": 10_001, "batching_window": 1},
        {"batch_size": 11},
        {"batching_window": 301},
        {"source_arn": QUEUE + "q.fifo", "batching_window": 1},
        {"maximum_concurrency": 1},
        {"filters": ("{",)},
        {"filters": ('{"a": 1}',)},
        {"filters": ("[]",)},
    ],
)
def test_mappings_that_aws_or_we_refuse(changes):
    with pytest.raises(InvalidParameterError):
        EventSourceMapping(**{"function": "f", "source_arn": QUEUE + "q", **changes}).check()


def test_large_batches_need_a_window():
    EventSourceMapping(
        function="f", source_arn=QUEUE + "q", batch_size=100, batching_window=1
    ).check()
