"""The services behind tasks: events, DynamoDB, SQS and the SDK."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from asl_engine import InvalidDefinitionError, TaskError
from asl_world import World, machine, one


def service(resource: str, arguments: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "End": True,
    }


class ClientError(Exception):
    """In the shape of botocore's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {
            "Error": {"Code": code, "Message": "the message"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }


class ParamValidationError(Exception):
    """In the shape of botocore's."""


class Client:
    """A boto3-like client that remembers its calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: Any = {"ResponseMetadata": {"HTTPStatusCode": 200}}

    def __getattr__(self, operation: str) -> Any:
        if operation not in {"get_item", "put_item", "update_item", "delete_item", "send_message",
                             "list_objects_v2", "put_events", "describe_db_instances"}:  # fmt: skip
            raise AttributeError(operation)

        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return call


@pytest.fixture
def clients() -> dict[str, Client]:
    return {name: Client(name) for name in ("dynamodb", "sqs", "s3", "rds", "events")}


def run(clients: dict[str, Client], resource: str, arguments: Any) -> Any:
    world = World()
    world.start(clients=lambda name: clients[name])
    return world.run(machine(one(service(resource, arguments))), {"n": 1})


@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("getItem", "get_item"),
        ("putItem", "put_item"),
        ("updateItem", "update_item"),
        ("deleteItem", "delete_item"),
    ],
)
def test_dynamodb(clients: Any, action: str, operation: str) -> None:
    clients["dynamodb"].answer = {"Item": {"id": {"S": "1"}}, "ResponseMetadata": {}}
    execution = run(clients, f"dynamodb:{action}", {"TableName": "t", "Key": "{% 'k' %}"})
    assert execution.output == {"Item": {"id": {"S": "1"}}}
    assert clients["dynamodb"].calls == [(operation, {"TableName": "t", "Key": "k"})]


def test_errors_of_clients_are_named_by_service_and_code(clients: Any) -> None:
    clients["dynamodb"].answer = ClientError("ConditionalCheckFailedException")
    optimized = run(clients, "dynamodb:putItem", {"TableName": "t"})
    assert optimized.error == "DynamoDB.ConditionalCheckFailedException"
    assert "the message" in (optimized.cause or "")
    sdk = run(clients, "aws-sdk:dynamodb:putItem", {"TableName": "t"})
    assert sdk.error == "DynamoDb.ConditionalCheckFailedException"
    clients["dynamodb"].answer = ParamValidationError("missing TableName")
    assert run(clients, "dynamodb:putItem", {}).error == "States.Runtime"
    clients["dynamodb"].answer = ConnectionError("refused")
    assert run(clients, "dynamodb:putItem", {}).error == "DynamoDB.SdkClientException"


def test_sqs_sends_objects_as_text(clients: Any) -> None:
    clients["sqs"].answer = {"MessageId": "m"}
    arguments = {"QueueUrl": "q", "MessageBody": {"n": "{% $states.input.n %}"}}
    assert run(clients, "sqs:sendMessage", arguments).output == {"MessageId": "m"}
    assert clients["sqs"].calls == [("send_message", {"QueueUrl": "q", "MessageBody": '{"n":1}'})]


def test_the_sdk_calls_any_action_and_gives_json(clients: Any) -> None:
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    clients["s3"].answer = {"Contents": [{"Key": "a", "LastModified": stamp}]}
    output = run(clients, "aws-sdk:s3:listObjectsV2", {"Bucket": "b"}).output
    assert output == {"Contents": [{"Key": "a", "LastModified": "2026-01-01T00:00:00Z"}]}
    clients["rds"].answer = {}
    run(clients, "aws-sdk:rds:describeDBInstances", {})
    assert clients["rds"].calls == [("describe_db_instances", {})]


@pytest.mark.parametrize(
    "resource", ["aws-sdk:s3:flyToTheMoon", "aws-sdk:nosuch:getItem", "aws-sdk:s3", "dynamodb:scan"]
)
def test_actions_that_do_not_exist_are_refused_before_running(clients: Any, resource: str) -> None:
    with pytest.raises(InvalidDefinitionError):
        run(clients, resource, {})


def test_arguments_that_are_no_object_fail_the_task(clients: Any) -> None:
    assert run(clients, "dynamodb:getItem", "{% [1] %}").error == "States.Runtime"


def put_events(sink: Any, *entries: Any) -> Any:
    world = World()
    world.start(events=sink)
    state = service("events:putEvents", {"Entries": list(entries)})
    return world.run(machine(one(state)), name="e")


def test_put_events() -> None:
    seen: list[Any] = []

    def sink(entries: list[dict[str, Any]]) -> dict[str, Any]:
        seen.extend(entries)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    entry = {"Source": "s", "DetailType": "d", "Detail": {"a": "{% 1 + 1 %}"}, "Resources": ["r"]}
    assert put_events(sink, entry).output["FailedEntryCount"] == 0
    arn = "arn:aws:states:us-east-1:000000000000:execution:machine:e"
    assert seen == [
        {"Source": "s", "DetailType": "d", "Detail": '{"a":2}', "Resources": ["r", arn]}
    ]


def test_events_that_are_not_taken_fail_the_task() -> None:
    def sink(entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Internal", "ErrorMessage": "x"}]}

    execution = put_events(sink, {"Source": "s", "DetailType": "d", "Detail": {}})
    assert execution.error == "EventBridge.FailedEntry"
    assert json.loads(execution.cause or "")["Entries"][0]["ErrorCode"] == "Internal"


def test_a_host_integration_may_raise_what_it_likes() -> None:
    def integration(request: Any) -> Any:
        raise TaskError("Host.Error", "c") if request.arguments else OSError("disk")

    for arguments, error in (({"a": 1}, "Host.Error"), ({}, "OSError")):
        world = World()
        world.start(integrations={"arn:aws:states:::host:do": integration})
        assert world.run(machine(one(service("host:do", arguments)))).error == error


def test_lambda_invoke_needs_a_function_name() -> None:
    world = World()
    state = service("lambda:invoke", {"Payload": {}, "FunctionName": "{% null %}"})
    assert world.run(machine(one(state))).error == "States.Runtime"
