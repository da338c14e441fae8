"""Runs machines through boto3 on the Step Functions API, with no socket, and looks at histories."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aws_clients
from asl_engine import Engine, TaskError, TaskRequest, VirtualClock
from asl_engine.api.service import StepFunctionsApi
from asl_engine.api.shapes import service_model
from asl_engine.compiler import split_resource
from asl_oracles import TOKEN, Call, Stub, _replace, every_state
from botocore.awsrequest import AWSResponse

ROLE = "arn:aws:iam::000000000000:role/conformance"
_END_EVENTS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}


class _Raw:
    """The body of an answer, as botocore reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


def client_of(api: StepFunctionsApi) -> Any:
    """A boto3 client whose requests are handed to the API instead of being sent."""
    client = aws_clients.client("stepfunctions", "http://127.0.0.1:1", inject_host_prefix=False)

    def answer(request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        given = api.handle(target, body)
        return AWSResponse(request.url, given.status, given.headers, _Raw(given.body))

    client.meta.events.register("before-send.stepfunctions", answer)
    return client


@dataclass
class World:
    """An engine whose tasks a stub answers, the API over it, and boto3's client of that."""

    stub: Stub
    definition: Mapping[str, Any]
    clients: Callable[[str], Any] | None = None
    answer_tokens: bool = True
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.engine = Engine(
            max_workers=0,
            clock=self.clock,
            random=random.Random(7),
            integrations=dict.fromkeys(self._resources(), self._answer),
            clients=self.clients,
        )
        self.client = client_of(
            StepFunctionsApi(self.engine, account="000000000000", region="us-east-1")
        )

    def _resources(self) -> set[str]:
        called = {
            split_resource(state["Resource"])
            for _, state in every_state(self.definition)
            if state["Type"] == "Task"
        }
        # Children run on the engine, and SDK calls through the clients.
        return {
            resource
            for resource, _ in called
            if not resource.endswith(":states:startExecution") and ":aws-sdk:" not in resource
        }

    def _answer(self, request: TaskRequest) -> Any:
        arguments = _replace(request.arguments, request.token, TOKEN)
        result = self.stub(Call(request.state_name, request.resource + request.pattern, arguments))
        if request.token is not None:
            self.tokens[request.token] = json.dumps(result)
        return result

    def create(self, definition: Mapping[str, Any], name: str = "machine", **more: Any) -> str:
        """Create a machine; returns its ARN."""
        created = self.client.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE, **more
        )
        return str(created["stateMachineArn"])

    def run(self, value: Any) -> dict[str, Any]:
        """Create and run the machine; returns what DescribeExecution says in the end."""
        arn = self.create(self.definition)
        started = self.client.start_execution(
            stateMachineArn=arn, name="run", input=json.dumps(value)
        )
        self.engine.wait(started["executionArn"], timeout=60)
        while self.answer_tokens and self.tokens:
            token, output = self.tokens.popitem()
            self.client.send_task_success(taskToken=token, output=output)
            self.engine.wait(started["executionArn"], timeout=60)
        return dict(self.client.describe_execution(executionArn=started["executionArn"]))

    def history(self, arn: str) -> list[dict[str, Any]]:
        """The whole history, page by page, in the form of boto3."""
        pages = self.client.get_paginator("get_execution_history").paginate(
            executionArn=arn, PaginationConfig={"PageSize": 7}
        )
        return [event for page in pages for event in page["events"]]


def stub_error(error: str, cause: str = "") -> Callable[[Call], Any]:
    """A stub that fails its task."""

    def fail(_call: Call) -> Any:
        raise TaskError(error, cause)

    return fail


def check_history(world: World, described: Mapping[str, Any]) -> list[str]:
    """Check that a history is one that the console could draw; returns its event types.

    Ids count from 1, every event but the first names an earlier one, time never goes back, types
    and details are the service model's, each state's events carry its type, its entry has the
    input that flowed to it, what is exited was entered, and the end says what the execution says.
    """
    events = world.history(described["executionArn"])
    types = [event["type"] for event in events]
    shape = service_model("stepfunctions").shape_for("HistoryEvent")
    by_id = {event["id"]: event for event in events}
    kinds = {name: state["Type"] for name, state in every_state(world.definition)}
    entered: dict[str, int] = {}
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert types[0] == "ExecutionStarted"
    assert types[-1] == _END_EVENTS[described["status"]]
    raw = world.engine.history(described["executionArn"])
    for event, own, earlier in zip(events, raw, [None, *events], strict=False):
        kind = event["type"]
        assert kind in shape.members["type"].enum
        _check_details(own, shape)
        assert 0 <= event["previousEventId"] < event["id"]
        if earlier is not None:
            assert event["timestamp"] >= earlier["timestamp"]
        if kind.endswith("StateEntered"):
            details = event["stateEnteredEventDetails"]
            name = details["name"]
            assert kind == f"{kinds[name]}StateEntered"
            entered[name] = entered.get(name, 0) + 1
            before = by_id.get(event["previousEventId"], {})
            if "stateExitedEventDetails" in before:
                assert details["input"] == before["stateExitedEventDetails"]["output"]
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            assert kind == f"{kinds[name]}StateExited"
            entered[name] -= 1
            assert entered[name] >= 0
    _check_end(events, described)
    return types


def _check_details(event: Mapping[str, Any], shape: Any) -> None:
    """Only details that the model knows for this type, with members that it knows."""
    common = {"timestamp", "type", "id", "previousEventId"}
    kind = str(event["type"])
    for name in ("StateEntered", "StateExited"):
        if kind.endswith(name):
            kind = name
    for key in event.keys() - common:
        assert key == f"{kind[0].lower()}{kind[1:]}EventDetails"
        assert event[key].keys() <= shape.members[key].members.keys()


def _check_end(events: list[dict[str, Any]], described: Mapping[str, Any]) -> None:
    started = events[0]["executionStartedEventDetails"]
    assert json.loads(started["input"]) == json.loads(described["input"])
    last = events[-1]
    details = last.get(f"execution{last['type'].removeprefix('Execution')}EventDetails", {})
    for name in ("output", "error", "cause"):
        assert details.get(name) == described.get(name)
