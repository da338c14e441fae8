"""Targets by ARN, and what services' errors mean for a delivery."""

import json
from typing import Any

import pytest
from asl_engine import ExecutionExistsError, InvalidInputError, MachineNotFoundError
from botocore.exceptions import ClientError
from redress_local.events.delivery import Delivery
from redress_local.events.errors import DeliveryError, DeliveryRefusedError
from redress_local.events.inputs import Text
from redress_local.events.models import Rule, Target
from redress_local.events.sqs import SqsQueues
from redress_local.events.targets import Targets

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
EVENT = {"id": "e", "detail": {"a": 1}}


class Services:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[tuple[Any, ...]] = []

    def start_execution(self, machine: str, input: Any, name: str) -> None:  # noqa: A002
        self._call(machine, input, name)

    def invoke_async(self, name: str, payload: bytes) -> None:
        self._call(name, payload)

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> None:
        self._call(queue_arn, body, attributes, group_id)

    def _call(self, *arguments: Any) -> None:
        if self.error:
            raise self.error
        self.calls.append(arguments)


def deliver(services: Services, arn: str, value: Any = EVENT, group: str | None = None) -> None:
    send = Targets(machines=services, functions=services, queues=services)
    target = Target(target_id="t", arn=arn, message_group_id=group)
    rule = Rule(name="r", bus="default", pattern={})
    send(Delivery(target=target, rule=rule, name="e-1", input=value, event=EVENT))


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "Operation")


class CodedError(Exception):
    code = "TooManyRequestsException"


def test_each_arn_finds_its_service() -> None:
    services = Services()
    deliver(services, MACHINE)
    deliver(services, FUNCTION)
    deliver(services, QUEUE + ".fifo", group="g")
    assert services.calls[0] == (MACHINE, EVENT, "e-1")
    assert services.calls[1] == (FUNCTION, json.dumps(EVENT, separators=(",", ":")).encode())
    assert services.calls[2] == (
        QUEUE + ".fifo",
        json.dumps(EVENT, separators=(",", ":")),
        {},
        "g",
    )


def test_a_second_delivery_finds_the_first_execution() -> None:
    deliver(Services(ExecutionExistsError("e-1")), MACHINE)
    deliver(Services(client_error("ExecutionAlreadyExists")), MACHINE)


def test_text_that_is_not_json_is_for_queues_only() -> None:
    services = Services()
    deliver(services, QUEUE, Text("one\ntwo"))
    deliver(services, QUEUE, "json text")
    assert [call[1] for call in services.calls] == ["one\ntwo", '"json text"']
    for arn in (MACHINE, FUNCTION):
        with pytest.raises(DeliveryRefusedError) as caught:
            deliver(services, arn, Text("one"))
        assert caught.value.code == "INVALID_JSON"


@pytest.mark.parametrize("arn", ["", "nonsense", "arn:aws:sns:us-east-1:0:t", MACHINE[:20]])
def test_a_target_of_no_service_is_refused(arn: str) -> None:
    with pytest.raises(DeliveryRefusedError) as caught:
        deliver(Services(), arn)
    assert caught.value.code == "NO_RESOURCE"


@pytest.mark.parametrize(
    ("error", "code", "refused"),
    [
        (MachineNotFoundError("m"), "NO_RESOURCE", True),
        (InvalidInputError("large"), "INVALID_PARAMETER", True),
        (client_error("StateMachineDoesNotExist"), "NO_RESOURCE", True),
        (client_error("AWS.SimpleQueueService.NonExistentQueue"), "NO_RESOURCE", True),
        (client_error("AccessDeniedException"), "NO_PERMISSIONS", True),
        (client_error("InvalidMessageContents"), "INVALID_PARAMETER", True),
        (client_error("ThrottlingException"), "THROTTLING", False),
        (client_error("ExecutionLimitExceeded"), "RESOURCE_LIMIT_EXCEEDED", False),
        (client_error("InternalFailure"), "ERROR_FROM_TARGET", False),
        (CodedError("busy"), "THROTTLING", False),
        (TimeoutError(), "TIMEOUT", False),
        (ConnectionRefusedError("no"), "CONNECTION_FAILURE", False),
        (ZeroDivisionError("oops"), "SDK_CLIENT_ERROR", False),
        (DeliveryError("OWN", "x"), "OWN", False),
    ],
)
def test_errors(error: Exception, code: str, refused: bool) -> None:
    with pytest.raises(DeliveryError) as caught:
        deliver(Services(error), MACHINE)
    assert caught.value.code == code
    assert isinstance(caught.value, DeliveryRefusedError) is refused
    assert str(caught.value)


def test_sqs_by_boto3() -> None:
    class Client:
        def __init__(self) -> None:
            self.calls: list[dict[str, Any]] = []

        def get_queue_url(self, **arguments: Any) -> dict[str, str]:
            self.calls.append(arguments)
            return {"QueueUrl": "http://q"}

        def send_message(self, **arguments: Any) -> None:
            self.calls.append(arguments)

    client = Client()
    queues = SqsQueues(client)
    queues.send_message(QUEUE, "b", {"ERROR_CODE": "X"})
    queues.send_message(QUEUE, "c", {}, "g")
    assert client.calls == [
        {"QueueName": "q"},
        {
            "QueueUrl": "http://q",
            "MessageBody": "b",
            "MessageAttributes": {"ERROR_CODE": {"DataType": "String", "StringValue": "X"}},
        },
        {"QueueUrl": "http://q", "MessageBody": "c", "MessageGroupId": "g"},
    ]
