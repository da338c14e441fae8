"""The AWS adapters against AWS's own answers, errors included."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from redress.adapters.aws.callback import StepFunctionsCallback
from redress.adapters.aws.events import EventBridgePublisher
from redress.adapters.aws.repository import DynamoDbRepository
from redress.errors import ConflictError, DependencyUnavailableError, InvalidInputError
from redress.ports import Write


def client(service: str) -> Any:
    return boto3.client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )


WRITE = Write(partition="p", sort="s", document=b"{}", expected_version=0)
OTHER = Write(partition="p", sort="t", document=b"{}", expected_version=3)


class TestRepository:
    @pytest.fixture
    def stub(self) -> Iterator[Stubber]:
        dynamodb = client("dynamodb")
        with Stubber(dynamodb) as stub:
            yield stub

    def repository(self, stub: Stubber) -> DynamoDbRepository:
        return DynamoDbRepository("orders", stub.client)

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("ConditionalCheckFailedException", ConflictError),
            ("TransactionConflictException", ConflictError),
            ("ProvisionedThroughputExceededException", DependencyUnavailableError),
            ("ThrottlingException", DependencyUnavailableError),
            ("InternalServerError", DependencyUnavailableError),
            ("AccessDeniedException", DependencyUnavailableError),
            ("ValidationException", InvalidInputError),
        ],
    )
    def test_one_write(self, stub: Stubber, code: str, expected: type[Exception]) -> None:
        stub.add_client_error("put_item", code)
        with pytest.raises(expected):
            self.repository(stub).commit([WRITE])

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            ("ConditionalCheckFailed", ConflictError),
            ("TransactionConflict", ConflictError),
            ("ThrottlingError", DependencyUnavailableError),
            ("ValidationError", InvalidInputError),
        ],
    )
    def test_a_cancelled_transaction(
        self, stub: Stubber, reason: str, expected: type[Exception]
    ) -> None:
        stub.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": reason}]},
        )
        with pytest.raises(expected):
            self.repository(stub).commit([WRITE, OTHER])

    def test_reads(self, stub: Stubber) -> None:
        for method in ("get_item", "query", "query"):
            stub.add_client_error(method, "ThrottlingException")
        repository = self.repository(stub)
        with pytest.raises(DependencyUnavailableError):
            repository.get("p", "s")
        with pytest.raises(DependencyUnavailableError):
            repository.query("p", "s")
        with pytest.raises(DependencyUnavailableError):
            repository.by_index("i")

    def test_pages_are_followed(self, stub: Stubber) -> None:
        def item(sort: str) -> dict[str, Any]:
            return {
                "pk": {"S": "p"},
                "sk": {"S": sort},
                "document": {"S": "{}"},
                "version": {"N": "1"},
            }

        key = {"pk": {"S": "p"}, "sk": {"S": "a"}}
        stub.add_response("query", {"Items": [item("a")], "LastEvaluatedKey": key})
        stub.add_response("query", {"Items": [], "LastEvaluatedKey": key})
        stub.add_response("query", {"Items": [item("b")]})
        assert [r.sort for r in self.repository(stub).query("p")] == ["a", "b"]
        stub.assert_no_pending_responses()


class TestPublisher:
    def publisher(self, stub: Stubber) -> EventBridgePublisher:
        self.pauses: list[float] = []
        return EventBridgePublisher("bus", stub.client, self.pauses.append)

    def test_the_entry(self) -> None:
        with Stubber(client("events")) as stub:
            entry = {
                "EventBusName": "bus",
                "Source": "redress",
                "DetailType": "CaseFailed",
                "Detail": '{"case_id":"c"}',
            }
            answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
            stub.add_response("put_events", answer, {"Entries": [entry]})
            self.publisher(stub).publish("CaseFailed", {"case_id": "c"})
        assert self.pauses == []

    @pytest.mark.parametrize("refusals", [1, 2])
    def test_a_refused_entry_is_sent_again(self, refusals: int) -> None:
        with Stubber(client("events")) as stub:
            self.refuse(stub, refusals)
            stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{}]})
            self.publisher(stub).publish("CaseFailed", {})
            stub.assert_no_pending_responses()
        assert len(self.pauses) == refusals

    def test_an_entry_refused_three_times(self) -> None:
        with Stubber(client("events")) as stub:
            self.refuse(stub, 3)
            with pytest.raises(DependencyUnavailableError, match="ThrottlingException"):
                self.publisher(stub).publish("CaseFailed", {})

    def test_a_bus_out_of_reach(self) -> None:
        with Stubber(client("events")) as stub:
            stub.add_client_error("put_events", "InternalException")
            with pytest.raises(DependencyUnavailableError):
                self.publisher(stub).publish("CaseFailed", {})

    def refuse(self, stub: Stubber, times: int) -> None:
        entry = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        for _ in range(times):
            stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [entry]})


class TestCallback:
    def test_success(self) -> None:
        with Stubber(client("stepfunctions")) as stub:
            expected = {"taskToken": "token", "output": '{"decision":"approve"}'}
            stub.add_response("send_task_success", {}, expected)
            answer = StepFunctionsCallback(stub.client)
            assert answer.send_success("token", {"decision": "approve"})

    def test_failure(self) -> None:
        with Stubber(client("stepfunctions")) as stub:
            expected = {"taskToken": "token", "error": "E", "cause": ANY}
            stub.add_response("send_task_failure", {}, expected)
            assert StepFunctionsCallback(stub.client).send_failure("token", "E", "x" * 99_999)

    @pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
    def test_nobody_waits(self, code: str) -> None:
        with Stubber(client("stepfunctions")) as stub:
            stub.add_client_error("send_task_success", code)
            stub.add_client_error("send_task_failure", code)
            callback = StepFunctionsCallback(stub.client)
            assert not callback.send_success("token", {})
            assert not callback.send_failure("token", "E", "")

    def test_out_of_reach(self) -> None:
        with Stubber(client("stepfunctions")) as stub:
            stub.add_client_error("send_task_success", "ThrottlingException")
            with pytest.raises(DependencyUnavailableError):
                StepFunctionsCallback(stub.client).send_success("token", {})
