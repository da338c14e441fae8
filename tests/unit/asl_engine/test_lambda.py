"""`lambda:invoke` beyond a function and its payload: types, qualifiers, client contexts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asl_engine import TaskError
from asl_engine.integrations import LambdaCall
from asl_world import World, machine, one

INVOKE = "arn:aws:states:::lambda:invoke"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:work"


class Lambda:
    """A service that remembers what it was asked."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self.called: list[LambdaCall] = []

    def invoke(self, function: str, payload: bytes) -> bytes:
        self.invoked.append((function, json.loads(payload)))
        return b'"done"'

    def call(self, call: LambdaCall) -> bytes:
        self.called.append(call)
        return b"" if call.kind != "RequestResponse" else b'"called"'


@pytest.fixture
def service() -> Lambda:
    return Lambda()


def run(service: Any, resource: str = INVOKE, caller: Any = None, **arguments: Any) -> Any:
    world = World()
    world.invoke = service.invoke  # type: ignore[method-assign]
    world.start(lambda_caller=caller or service.call)
    state = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}
    return world.run(machine(one(state)))


def test_an_event_is_handed_over_and_not_waited_for(service: Lambda) -> None:
    found = run(service, FunctionName="work", InvocationType="Event", Payload={"n": 1})
    assert found.output == {"StatusCode": 202, "Payload": ""}
    assert service.called == [LambdaCall("work", b'{"n":1}', "Event")]
    assert service.invoked == []


def test_a_dry_run_runs_nothing(service: Lambda) -> None:
    found = run(service, FunctionName="work", InvocationType="DryRun")
    assert found.output == {"StatusCode": 204, "Payload": ""}
    assert [call.kind for call in service.called] == ["DryRun"]


def test_request_response_is_the_default_by_name(service: Lambda) -> None:
    found = run(service, FunctionName="work", InvocationType="RequestResponse", Payload=1)
    assert found.output == {"StatusCode": 200, "Payload": "done", "ExecutedVersion": "$LATEST"}
    assert (service.invoked, service.called) == ([("work", 1)], [])


def test_a_client_context_goes_to_functions_that_are_waited_for(service: Lambda) -> None:
    found = run(service, FunctionName="work", ClientContext="e30=", Payload=[])
    assert found.output["Payload"] == "called"
    run(service, FunctionName="work", ClientContext="e30=", InvocationType="Event")
    assert [(call.kind, call.client_context) for call in service.called] == [
        ("RequestResponse", "e30="),
        ("Event", None),
    ]


@pytest.mark.parametrize(
    ("function", "qualifier", "called", "version"),
    [
        ("work", "$LATEST", "work", "$LATEST"),
        ("work:$LATEST", None, "work", "$LATEST"),
        ("work", "7", "work:7", "7"),
        ("work:7", "7", "work:7", "7"),
        ("work", "live", "work:live", None),
        (ARN, "live", f"{ARN}:live", None),
        (f"{ARN}:live", "live", f"{ARN}:live", None),
        (f"{ARN}:$LATEST", None, ARN, "$LATEST"),
        ("000000000000:function:work", "2", "000000000000:function:work:2", "2"),
        ("function:work:2", "2", "function:work:2", "2"),
    ],
)
def test_qualifiers(
    service: Lambda, function: str, qualifier: str | None, called: str, version: str | None
) -> None:
    more = {} if qualifier is None else {"Qualifier": qualifier}
    found = run(service, FunctionName=function, **more)
    assert found.status == "SUCCEEDED", found.cause
    assert [name for name, _ in service.invoked] == [called]
    assert found.output.get("ExecutedVersion") == version


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"InvocationType": "Later"}, "Lambda.InvalidParameterValueException", "'Later'"),
        ({"InvocationType": ["Event"]}, "Lambda.InvalidParameterValueException", "Event"),
        ({"Qualifier": 7}, "Lambda.InvalidParameterValueException", "Qualifier"),
        ({"ClientContext": {}}, "Lambda.InvalidParameterValueException", "ClientContext"),
        ({"LogType": "Tail"}, "States.Runtime", "LogType"),
        ({"TenantId": "t", "InvocationType": "Event"}, "States.Runtime", "TenantId"),
    ],
)
def test_what_is_not_taken_is_named(
    service: Lambda, arguments: dict[str, Any], error: str, word: str
) -> None:
    found = run(service, FunctionName="work", **arguments)
    assert found.error == error
    assert word in found.cause
    assert (service.invoked, service.called) == ([], [])


def test_two_qualifiers_that_differ(service: Lambda) -> None:
    found = run(service, FunctionName="work:1", Qualifier="2")
    assert found.error == "Lambda.InvalidParameterValueException"
    assert "derived qualifier" in found.cause


def test_errors_of_taking_an_event_fail_the_task(service: Lambda) -> None:
    def refuse(_call: LambdaCall) -> bytes:
        raise TaskError("Lambda.ResourceNotFoundException", "there is none")

    found = run(service, caller=refuse, FunctionName="work", InvocationType="Event")
    assert found.error == "Lambda.ResourceNotFoundException"

    def break_down(_call: LambdaCall) -> bytes:
        raise OSError("no network")

    found = run(service, caller=break_down, FunctionName="work", InvocationType="Event")
    assert (found.error, json.loads(found.cause)["errorMessage"]) == ("OSError", "no network")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"InvocationType": "Event"}, "InvocationType Event"),
        ({"InvocationType": "DryRun"}, "InvocationType DryRun"),
        ({"ClientContext": "e30="}, "ClientContext"),
    ],
)
def test_without_a_caller_such_calls_fail_by_name(arguments: dict[str, Any], word: str) -> None:
    world = World(work=lambda _: 1)
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "work", **arguments},
        "End": True,
    }
    found = world.run(machine(one(state)))
    assert found.error == "States.Runtime"
    assert word in (found.cause or "")
    assert world.calls == []


def test_an_event_may_wait_for_its_token(service: Lambda) -> None:
    world = World()
    world.invoke = service.invoke  # type: ignore[method-assign]
    world.start(lambda_caller=service.call)
    state = {
        "Type": "Task",
        "Resource": f"{INVOKE}.waitForTaskToken",
        "Arguments": {
            "FunctionName": "work",
            "InvocationType": "Event",
            "Payload": {"token": "{% $states.context.Task.Token %}"},
        },
        "End": True,
    }
    arn = world.engine.start_execution(machine(one(state)))
    world.engine.wait(arn, 0.0)
    (call,) = service.called
    world.engine.send_task_success(json.loads(call.payload)["token"], "answered")
    assert world.engine.wait(arn).output == "answered"


@pytest.mark.parametrize("suffix", ["", ":$LATEST", ":live"])
def test_a_functions_arn_is_a_resource(service: Lambda, suffix: str) -> None:
    found = run(service, resource=ARN + suffix, n=1)
    assert found.output == "done"
    assert service.invoked == [(ARN + suffix.replace(":$LATEST", ""), {"n": 1})]
