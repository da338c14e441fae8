"""Starting A2A tasks as executions, against the service's own model."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from redress.adapters.aws.task_starter import StepFunctionsStarter
from redress.errors import DependencyUnavailableError
from redress.models.agents import AgentTask
from redress.models.base import parse
from redress.models.case import SupportCase

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:run_task"
TASK = AgentTask(
    task_id="task-1",
    domain="orders",
    grant_id="delegation.1",
    case=SupportCase(
        case_id="case_1",
        customer_id="cust_1",
        order_id="ord_1",
        statement="Zoë 你好",
        pattern="orchestrator",
        as_of=datetime(2026, 3, 2, tzinfo=UTC),
        skus=("sku_1",),
        grant_id="delegation.1",
    ),
    question="What was ordered?",
)


@pytest.fixture
def stubbed() -> Any:
    client = boto3.client(
        "stepfunctions",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def test_the_execution_is_named_after_the_task(stubbed: Any) -> None:
    client, stubber = stubbed
    sent: dict[str, Any] = {}
    client.meta.events.register(
        "provide-client-params.sfn.StartExecution", lambda params, **_: sent.update(params)
    )
    answer = {"executionArn": "arn:x", "startDate": datetime.now(UTC)}
    expected = {"stateMachineArn": MACHINE, "name": "task-1", "input": ANY}
    stubber.add_response("start_execution", answer, expected)
    StepFunctionsStarter(MACHINE, client).start(TASK)
    assert parse(AgentTask, json.loads(sent["input"])) == TASK


def test_one_that_was_started_before_is_fine(stubbed: Any) -> None:
    client, stubber = stubbed
    stubber.add_client_error("start_execution", "ExecutionAlreadyExists")
    StepFunctionsStarter(MACHINE, client).start(TASK)


@pytest.mark.parametrize("code", ["ThrottlingException", "StateMachineDoesNotExist"])
def test_one_that_cannot_be_started(stubbed: Any, code: str) -> None:
    client, stubber = stubbed
    stubber.add_client_error("start_execution", code)
    with pytest.raises(DependencyUnavailableError):
        StepFunctionsStarter(MACHINE, client).start(TASK)
