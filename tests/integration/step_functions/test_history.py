"""GetExecutionHistory: every event has the shape that botocore's model gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from asl_engine.api.shapes import service_model

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
SYNC = "arn:aws:states:::states:startExecution.sync:2"


def problems(value: Any, shape: Any, place: str = "") -> list[str]:
    """Where a value is not what its shape says: unknown, missing or of another type."""
    kind = shape.type_name
    if kind == "structure":
        unknown = [f"{place}.{name} is unknown" for name in value if name not in shape.members]
        missing = [
            f"{place}.{name} is missing" for name in shape.required_members if name not in value
        ]
        inner = [
            problem
            for name, item in value.items()
            if name in shape.members
            for problem in problems(item, shape.members[name], f"{place}.{name}")
        ]
        return unknown + missing + inner
    if kind == "map":
        return [p for item in value.values() for p in problems(item, shape.value, f"{place}.*")]
    wanted = {
        "string": str, "timestamp": datetime, "long": int, "integer": int, "boolean": bool,
    }[kind]  # fmt: skip
    wrong = not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
    found = [f"{place} is {value!r}"] if wrong else []
    if getattr(shape, "enum", None) and value not in shape.enum:
        found.append(f"{place} is no {value}")
    return found


def check(events: list[dict[str, Any]]) -> None:
    shape = service_model("stepfunctions").shape_for("HistoryEvent")
    assert [p for event in events for p in problems(event, shape, event["type"])] == []
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events)
    for event in events:
        kind = event["type"]
        details = [key for key in event if key.endswith("EventDetails")]
        if kind.endswith("StateEntered"):
            assert details == ["stateEnteredEventDetails"]
        elif kind.endswith("StateExited"):
            assert details == ["stateExitedEventDetails"]
        else:
            assert details in ([], [f"{kind[0].lower()}{kind[1:]}EventDetails"])


@pytest.fixture(scope="module")
def rich(served: Any, asl: Any) -> dict[str, list[dict[str, Any]]]:
    """Histories that have every type of event which this engine makes, by name."""

    def bad(_value: Any) -> Any:
        raise ValueError("no")

    served.functions["bad"] = bad
    child = served.create(asl.one({"Type": "Pass"}))
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Next", "Assign": {"caught": True}}]
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 1, "IntervalSeconds": 1,
              "MaxDelaySeconds": 2, "JitterStrategy": "FULL"}]  # fmt: skip
    inner = asl.one({"Type": "Pass", "Output": "{% $states.input %}"}, "Inner")
    slow = asl.one({"Type": "Wait", "Seconds": 600}, "Slow")
    fails = asl.one({"Type": "Fail", "Error": "E"}, "Fails")
    states = {
        "Task": {**asl.task("echo", TimeoutSeconds=9, Assign={"a": 1}), "Next": "Function"},
        "Function": {"Type": "Task", "Resource": FUNCTION, "Arguments": {"x": 1},
                     "Next": "BadFunction"},
        "BadFunction": {"Type": "Task", "Resource": FUNCTION.replace("echo", "bad"),
                        "Catch": [{**catch[0], "Next": "Bad"}], "Next": "Bad"},
        "Bad": {**asl.task("bad", Retry=retry), "Catch": [{**catch[0], "Next": "Child"}],
                "Next": "Child"},
        "Child": {"Type": "Task", "Resource": SYNC, "Arguments": {"StateMachineArn": child},
                  "Next": "Map"},
        "Map": {"Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "Next": "Aborts"},
        "Aborts": {"Type": "Parallel", "Branches": [slow, fails],
                   "Catch": [{**catch[0], "Next": "MapFails"}], "Next": "MapFails"},
        "MapFails": {"Type": "Map", "Items": [1, 2],
                     "ItemProcessor": {
                         "StartAt": "C",
                         "States": {
                             "C": {"Type": "Choice", "Default": "S", "Choices": [
                                 {"Condition": "{% $states.input = 2 %}", "Next": "F"}]},
                             "S": {"Type": "Wait", "Seconds": 600, "End": True},
                             "F": {"Type": "Fail", "Error": "E"},
                         },
                     },
                     "Catch": [{**catch[0], "Next": "Heartbeat"}], "Next": "Heartbeat"},
        "Heartbeat": {**asl.waiting("never", HeartbeatSeconds=1),
                      "Catch": [{**catch[0], "Next": "Wrong"}], "Next": "Wrong"},
        "Wrong": {"Type": "Pass", "Output": "{% $states.input.x.y %}", "Next": "End"},
        "End": {"Type": "Succeed"},
    }  # fmt: skip
    whole = served.run({"StartAt": "Task", "States": states}, {"n": 1})
    assert whole["error"] == "States.QueryEvaluationError", whole
    served.sfn.redrive_execution(executionArn=whole["executionArn"])
    served.ended(whole["executionArn"])
    late = served.run({"TimeoutSeconds": 1, **asl.one({"Type": "Wait", "Seconds": 60})})
    stopped = served.start(served.create(asl.one({"Type": "Wait", "Seconds": 60})))
    served.sfn.stop_execution(executionArn=stopped)
    arns = {"whole": whole["executionArn"], "late": late["executionArn"], "stopped": stopped}
    return {name: served.events(arn) for name, arn in arns.items()}


def test_every_event_has_its_shape(rich: dict[str, list[dict[str, Any]]]) -> None:
    for events in rich.values():
        check(events)
    kinds = {event["type"] for events in rich.values() for event in events}
    assert kinds >= {
        "ExecutionStarted", "ExecutionFailed", "ExecutionRedriven", "ExecutionTimedOut",
        "ExecutionAborted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded",
        "TaskSubmitted", "TaskFailed", "TaskTimedOut", "TaskStateExited", "LambdaFunctionScheduled",
        "LambdaFunctionStarted", "LambdaFunctionSucceeded", "LambdaFunctionFailed",
        "MapStateStarted", "MapIterationStarted", "MapIterationSucceeded", "MapIterationFailed",
        "MapIterationAborted", "MapStateSucceeded", "MapStateFailed", "ParallelStateStarted",
        "ParallelStateFailed", "WaitStateAborted", "EvaluationFailed",
    }  # fmt: skip


def test_details(rich: dict[str, list[dict[str, Any]]]) -> None:
    events = {}
    for event in rich["whole"]:
        events.setdefault(event["type"], event)
    assert events["TaskScheduled"]["taskScheduledEventDetails"] == {
        "resourceType": "lambda", "resource": "invoke", "region": "eu-central-1",
        "parameters": '{"FunctionName":"echo","Payload":{"n":1}}', "timeoutInSeconds": 9,
    }  # fmt: skip
    assert events["LambdaFunctionScheduled"]["lambdaFunctionScheduledEventDetails"] == {
        "resource": FUNCTION, "input": '{"x":1}', "inputDetails": {"truncated": False},
    }  # fmt: skip
    assert events["LambdaFunctionFailed"]["lambdaFunctionFailedEventDetails"]["error"] == (
        "ValueError"
    )
    assert not [key for key in events["LambdaFunctionStarted"] if key.endswith("Details")]
    exited = events["TaskStateExited"]["stateExitedEventDetails"]
    assert exited["assignedVariables"] == {"a": "1"}
    evaluation = events["EvaluationFailed"]["evaluationFailedEventDetails"]
    assert (evaluation["state"], evaluation["location"]) == ("Wrong", "Output")


def test_pages_in_both_directions(served: Any, asl: Any) -> None:
    branch = asl.one({"Type": "Pass"}, "P")
    state = {"Type": "Map", "Items": list(range(20)), "ItemProcessor": branch}
    arn = served.run(asl.one(state))["executionArn"]
    whole = served.sfn.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    assert len(whole) == 86
    for size in (1, 7, 43, 85, 86, 87):
        config = {"PageSize": size}
        assert served.events(arn, PaginationConfig=config) == whole
        reverse = served.events(arn, reverseOrder=True, PaginationConfig=config)
        assert reverse == whole[::-1]
    default = served.sfn.get_execution_history(executionArn=arn, maxResults=0)
    assert len(default["events"]) == 86
    first = served.sfn.get_execution_history(executionArn=arn, maxResults=5)
    for other in ({"reverseOrder": True}, {"includeExecutionData": False}):
        code = served.code(
            "get_execution_history", executionArn=arn, nextToken=first["nextToken"], **other
        )
        assert code == "InvalidToken"
    assert served.code("get_execution_history", executionArn=arn, nextToken="x") == "InvalidToken"


def test_without_data(served: Any, asl: Any) -> None:
    arn = served.run(asl.one(asl.task("echo", Assign={"v": 1})), {"secret": "s3cr3t"})
    bare = served.events(arn["executionArn"], includeExecutionData=False)
    check(bare)
    assert "s3cr3t" not in str(bare)
    assert "assignedVariables" not in str(bare)
    full = served.events(arn["executionArn"])
    assert [e["type"] for e in bare] == [e["type"] for e in full]
    assert "s3cr3t" in str(full)


def test_a_running_execution_is_read_as_it_grows(served: Any, asl: Any) -> None:
    states = {"W": {**asl.waiting("grow"), "Next": "P"}, "P": {"Type": "Pass", "End": True}}
    arn = served.start(served.create({"StartAt": "W", "States": states}))
    served.token("grow")
    served.until(lambda: served.events(arn)[-1]["type"] == "TaskSubmitted")
    newest = served.sfn.get_execution_history(executionArn=arn, maxResults=2, reverseOrder=True)
    served.sfn.send_task_success(taskToken=served.token("grow"), output="1")
    served.ended(arn)
    rest = served.sfn.get_execution_history(
        executionArn=arn, maxResults=2, reverseOrder=True, nextToken=newest["nextToken"]
    )
    assert [e["id"] for e in (*newest["events"], *rest["events"])] == [5, 4, 3, 2]
