"""What a call does to what, and the count of it."""

import json
from typing import Any

import pytest
from redress_local.emulated.gateway import calls
from redress_local.emulated.gateway.calls import CallLog
from redress_local.emulated.gateway.operations import MAX_RESOURCES, acts, describe

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


@pytest.mark.parametrize(
    ("service", "target", "body", "resources"),
    [
        ("dynamodb", "DynamoDB_20120810.GetItem", {"TableName": "t", "Key": {}}, ("t",)),
        (
            "dynamodb",
            "DynamoDB_20120810.Query",
            {"TableName": "t", "IndexName": "i"},
            ("t/index/i",),
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "b", "Item": {}}},
                    {"Update": {"TableName": "a"}},
                    {"Delete": {"TableName": "b"}},
                ]
            },
            ("b", "a"),
        ),
        (
            "dynamodb",
            "DynamoDB_20120810.BatchGetItem",
            {"RequestItems": {"t": {"Keys": []}, "u": {}}},
            ("t", "u"),
        ),
        ("sqs", "AmazonSQS.SendMessage", {"QueueUrl": "http://127.0.0.1:1/000/q"}, ("q",)),
        ("sqs", "AmazonSQS.CreateQueue", {"QueueName": "q"}, ("q",)),
        ("sqs", "AmazonSQS.ListQueues", {}, ()),
        (
            "events",
            "AWSEvents.PutEvents",
            {"Entries": [{"EventBusName": "b"}, {}]},
            ("b", "default"),
        ),
        ("events", "AWSEvents.PutRule", {"Name": "r", "EventBusName": "b"}, ("b",)),
        ("events", "AWSEvents.CreateEventBus", {"Name": "b"}, ("b",)),
        (
            "states",
            "AWSStepFunctions.StartExecution",
            {"stateMachineArn": ARN, "name": "n"},
            (ARN,),
        ),
        ("states", "AWSStepFunctions.SendTaskSuccess", {"taskToken": "t", "output": "{}"}, ()),
        ("kms", "TrentService.Sign", {"KeyId": "alias/k"}, ("alias/k",)),
        ("ssm", "AmazonSSM.GetParameters", {"Names": ["/a", "/b", 7]}, ("/a", "/b")),
        ("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "s"}, ("s",)),
        ("logs", "Logs_20140328.PutLogEvents", {"logGroupName": "/g"}, ("/g",)),
    ],
)
def test_json_services(service: str, target: str, body: Any, resources: tuple[str, ...]) -> None:
    data = json.dumps(body).encode()
    found = describe(service, "POST", "/", b"", target, data)
    assert found == (target.rpartition(".")[2], resources)


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "found"),
    [
        (
            "lambda",
            "POST",
            "/2015-03-31/functions/f/invocations",
            b"",
            ("InvokeFunction", ("f",)),
        ),
        ("lambda", "GET", "/2015-03-31/functions/", b"", ("ListFunctions", ())),
        ("lambda", "PUT", "/other", b"", ("PUT /other", ())),
        (
            "bedrock",
            "POST",
            "/model/arn:x/y/converse-stream",
            b"",
            ("ConverseStream", ("arn:x/y",)),
        ),
        ("execute-api", "POST", "/@connections/c=", b"", ("PostToConnection", ("c=",))),
        ("execute-api", "DELETE", "/prod/@connections/c", b"", ("DeleteConnection", ("c",))),
        ("s3", "GET", "/", b"", ("ListBuckets", ())),
        ("s3", "GET", "/b", b"list-type=2", ("ListObjectsV2", ("b",))),
        ("s3", "PUT", "/b/a/k", b"", ("PutObject", ("b/a/k",))),
        ("iam", "GET", "/", b"Action=GetRole&RoleName=r", ("GetRole", ("r",))),
        ("iam", "GET", "/", b"", ("unknown", ())),
    ],
)
def test_rest_services(
    service: str, method: str, path: str, query: bytes, found: tuple[str, tuple[str, ...]]
) -> None:
    assert describe(service, method, path, query, "", b"") == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"TableName": 7}',
        b'{"TableName": null}',
        b'{"TransactItems": [7]}',
        b'{"RequestItems": []}',
        b'{"Entries": {}}',
    ],
)
def test_bodies_that_name_nothing(body: bytes) -> None:
    operation, resources = describe("dynamodb", "POST", "/", b"", "DynamoDB_20120810.X", body)
    assert (operation, [r for r in resources if r != "7"]) == ("X", [])


def test_names_are_bounded_in_number_and_length() -> None:
    body = json.dumps({"RequestItems": {f"{n:05}" + "x" * 9_000: {} for n in range(100)}}).encode()
    operation, resources = describe("dynamodb", "POST", "/", b"", "D." + "y" * 900, body)
    assert len(operation) == 100
    assert len(resources) == MAX_RESOURCES
    assert {len(name) for name in resources} == {512}


TRANSACTION = "DynamoDB_20120810.TransactWriteItems"


def test_a_transaction_is_what_its_items_do() -> None:
    items = [
        {"Put": {"TableName": "a", "Item": {}}},
        {"ConditionCheck": {"TableName": "b"}},
        {"Put": {"TableName": "c"}},
        {"Put": {"TableName": "a"}},
    ]
    body = json.dumps({"TransactItems": items}).encode()
    assert list(acts("dynamodb", "POST", "/", b"", TRANSACTION, body)) == [
        ("TransactWriteItems/Put", ("a", "c")),
        ("TransactWriteItems/ConditionCheck", ("b",)),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b'{"TransactItems": [7]}', b'{"TransactItems": []}'])
def test_a_transaction_of_nothing(body: bytes) -> None:
    acted = list(acts("dynamodb", "POST", "/", b"", TRANSACTION, body))
    assert acted == [("TransactWriteItems", ())]


def test_a_transaction_is_bounded() -> None:
    items = [{f"{n:05}" + "k" * 900: {"TableName": "t" * 900}} for n in range(300)]
    body = json.dumps({"TransactItems": items}).encode()
    acted = list(acts("dynamodb", "POST", "/", b"", TRANSACTION, body))
    assert len(acted) == 100
    assert all(len(operation) < 50 and len(tables[0]) == 512 for operation, tables in acted)


def test_what_is_no_transaction_is_as_described() -> None:
    body = b'{"TableName": "t"}'
    call = ("dynamodb", "POST", "/", b"", "DynamoDB_20120810.GetItem", body)
    assert list(acts(*call)) == [describe(*call)]


def test_counts_by_principal() -> None:
    log = CallLog()
    log.register("AKIAF", "ClaimCase")
    for _ in range(3):
        log.record("AKIAF", "dynamodb", "GetItem", ("t",))
    log.record("test", "dynamodb", "TransactWriteItems", ("t", "u"))
    log.record("", "sqs", "ListQueues", ())
    shown = [(c.principal, c.operation, c.resource, c.count) for c in log.entries()]
    assert shown == [
        ("ClaimCase", "GetItem", "t", 3),
        ("operator", "TransactWriteItems", "t", 1),
        ("operator", "TransactWriteItems", "u", 1),
        ("operator", "ListQueues", "", 1),
    ]
    assert [c.principal for c in log.entries("ClaimCase")] == ["ClaimCase"]
    log.clear()
    assert log.entries() == []
    assert log.principal("AKIAF") == "ClaimCase"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_ENTRIES", 5)
    log = CallLog()
    for number in range(9):
        log.record("k", "s", "o", (str(number),))
    log.record("k", "s", "o", ("0",))
    assert (len(log.entries()), log.overflow) == (5, 4)
    assert log.entries()[0].count == 2
