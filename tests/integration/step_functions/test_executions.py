"""Executions through boto3: start, stop, redrive, list, tokens."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

PREFIX = "arn:aws:states:eu-central-1:123456789012"


def test_a_name_is_one_execution(served: Any, asl: Any) -> None:
    key = str(uuid.uuid4())
    arn = served.create(asl.one(asl.waiting(key)))
    request = {"stateMachineArn": arn, "name": "one", "input": '{"n": 1}'}
    first = served.sfn.start_execution(**request)
    assert first["executionArn"] == f"{arn.replace(':stateMachine:', ':execution:')}:one"
    again = served.sfn.start_execution(**request)
    assert again["executionArn"] == first["executionArn"]
    assert again["startDate"] == first["startDate"]
    other = {**request, "input": '{"n": 2}'}
    assert served.code("start_execution", **other) == "ExecutionAlreadyExists"
    served.sfn.send_task_success(taskToken=served.token(key), output="1")
    served.ended(first["executionArn"])
    assert served.code("start_execution", **request) == "ExecutionAlreadyExists"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": "[" * 5_000}, "InvalidExecutionInput"),
        ({"input": '"' + "x" * 262_143 + '"'}, "ValidationException"),
        ({"input": '"' + "\u00e9" * 200_000 + '"'}, "InvalidExecutionInput"),
        ({"name": "a b"}, "InvalidName"),
        ({"name": "x" * 81}, "ValidationException"),
        ({"stateMachineArn": "nothing"}, "InvalidArn"),
        ({"stateMachineArn": f"{PREFIX}:execution:a:b"}, "InvalidArn"),
        ({"stateMachineArn": f"{PREFIX}:stateMachine:none"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": f"{PREFIX}:stateMachine:none/label"}, "ValidationException"),
    ],
)
def test_bad_starts(served: Any, asl: Any, change: dict[str, Any], code: str) -> None:
    arn = served.create(asl.one({"Type": "Pass"}), name="starts")
    assert served.code("start_execution", **{"stateMachineArn": arn, **change}) == code
    assert served.sfn.list_executions(stateMachineArn=arn)["executions"] == []


def test_describe(served: Any, asl: Any) -> None:
    arn = served.create(asl.one({"Type": "Pass", "Output": {"n": "{% $states.input.n %}"}}))
    started = served.sfn.start_execution(
        stateMachineArn=arn, input='{"n": 1}', traceHeader="Root=1-2-3"
    )
    found = served.ended(started["executionArn"])
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"n":1}')
    assert json.loads(found["input"]) == {"n": 1}
    assert found["inputDetails"] == found["outputDetails"] == {"included": True}
    assert found["traceHeader"] == "Root=1-2-3"
    assert found["startDate"] == started["startDate"] <= found["stopDate"]
    assert (found["redriveCount"], found["redriveStatus"]) == (0, "NOT_REDRIVABLE")
    assert found["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    bare = served.sfn.describe_execution(
        executionArn=started["executionArn"], includedData="METADATA_ONLY"
    )
    assert "input" not in bare
    assert "output" not in bare
    for operation in ("describe_execution", "get_execution_history", "stop_execution",
                      "redrive_execution", "list_map_runs",
                      "describe_state_machine_for_execution"):  # fmt: skip
        missing = f"{PREFIX}:execution:a:b"
        assert served.code(operation, executionArn=missing) == "ExecutionDoesNotExist", operation
        assert served.code(operation, executionArn="arn:x") == "InvalidArn", operation
    assert served.sfn.list_map_runs(executionArn=started["executionArn"])["mapRuns"] == []


def test_an_execution_that_fails(served: Any, asl: Any) -> None:
    found = served.run(asl.one({"Type": "Fail", "Error": "E", "Cause": "c"}))
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "c")
    assert found["redriveStatus"] == "REDRIVABLE"
    assert "output" not in found


def test_list_executions(served: Any, asl: Any) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.fail %}", "Next": "Bad"}],
        "Default": "Good",
    }
    states = {"C": choice, "Bad": {"Type": "Fail", "Error": "E"}, "Good": {"Type": "Succeed"}}
    arn = served.create({"StartAt": "C", "States": states})
    started = [served.start(arn, {"fail": n % 3 == 0}) for n in range(10)]
    for execution in started:
        served.ended(execution)

    def listed(**fields: Any) -> list[str]:
        found, token = [], {}
        while True:
            page = served.sfn.list_executions(stateMachineArn=arn, maxResults=3, **fields, **token)
            assert len(page["executions"]) <= 3
            found += [execution["executionArn"] for execution in page["executions"]]
            if "nextToken" not in page:
                return found
            token = {"nextToken": page["nextToken"]}

    newest = started[::-1]
    assert listed() == newest
    assert listed(statusFilter="FAILED") == [started[n] for n in (9, 6, 3, 0)]
    assert listed(statusFilter="RUNNING") == []
    assert listed(redriveFilter="NOT_REDRIVEN") == newest
    served.sfn.redrive_execution(executionArn=started[3])
    served.ended(started[3])
    assert listed(redriveFilter="REDRIVEN") == [started[3]]
    page = served.sfn.list_executions(stateMachineArn=arn, maxResults=3)
    assert served.code("list_executions", stateMachineArn=arn, statusFilter="FAILED",
                       nextToken=page["nextToken"]) == "InvalidToken"  # fmt: skip
    # What starts meanwhile does not move the next page.
    served.ended(served.start(arn, {"fail": False}))
    second = served.sfn.list_executions(
        stateMachineArn=arn, maxResults=3, nextToken=page["nextToken"]
    )
    assert [e["executionArn"] for e in second["executions"]] == newest[3:6]
    assert served.code("list_executions") == "ValidationException"
    assert served.code("list_executions", stateMachineArn=arn + "x") == "StateMachineDoesNotExist"


# Stopping


def wait(_asl: Any) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": 600}


def token(asl: Any) -> dict[str, Any]:
    return asl.waiting("stopped")  # type: ignore[no-any-return]


def task(asl: Any) -> dict[str, Any]:
    return asl.task("slow")  # type: ignore[no-any-return]


def in_map(asl: Any) -> dict[str, Any]:
    inner = asl.one(wait(asl), "Inner")
    return {"Type": "Map", "Items": [1, 2], "ItemProcessor": inner}


def in_parallel(asl: Any) -> dict[str, Any]:
    branches = [asl.one(asl.waiting("stopped"), "T"), asl.one(wait(asl), "W")]
    return {"Type": "Parallel", "Branches": branches}


@pytest.mark.parametrize("state", [wait, token, task, in_map, in_parallel])
def test_stop(served: Any, asl: Any, state: Callable[[Any], dict[str, Any]]) -> None:
    entered: list[int] = []
    served.tokens.pop("stopped", None)

    def slow(_value: Any) -> None:
        import time

        entered.append(1)
        time.sleep(0.3)

    served.functions["slow"] = slow
    arn = served.start(served.create(asl.one(state(asl))))
    if state is task:
        served.until(lambda: entered)
    elif state is not wait:
        served.until(lambda: len(served.events(arn)) > 4)
    stopped = served.sfn.stop_execution(executionArn=arn, error="Because", cause="I say so")
    found = served.sfn.describe_execution(executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Because", "I say so")
    assert found["stopDate"] == stopped["stopDate"]
    last = served.events(arn)[-1]
    assert (last["type"], last["previousEventId"]) == ("ExecutionAborted", 0)
    assert last["executionAbortedEventDetails"] == {"error": "Because", "cause": "I say so"}
    assert served.sfn.stop_execution(executionArn=arn)["stopDate"] == stopped["stopDate"]
    if state in (token, in_parallel):
        assert served.code("send_task_success", taskToken=served.token("stopped"),
                           output="1") == "TaskTimedOut"  # fmt: skip


# Redriving


def test_redrive_goes_on_from_the_failed_state(served: Any, asl: Any) -> None:
    calls = {"first": 0, "second": 0}

    def first(value: Any) -> Any:
        calls["first"] += 1
        return value

    def second(_value: Any) -> Any:
        calls["second"] += 1
        if calls["second"] == 1:
            raise ValueError("not yet")
        return {"done": True}

    served.functions.update(first=first, second=second)
    states = {"A": {**asl.task("first"), "Next": "B"}, "B": {**asl.task("second"), "End": True}}
    failed = served.run({"StartAt": "A", "States": states}, {"n": 1})
    arn = failed["executionArn"]
    assert failed["error"] == "ValueError"
    before = served.events(arn)
    redriven = served.sfn.redrive_execution(executionArn=arn, clientToken="same")
    found = served.ended(arn)
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", 1)
    assert found["redriveDate"] == redriven["redriveDate"]
    assert calls == {"first": 1, "second": 2}
    events = served.events(arn)
    assert events[: len(before)] == before
    assert [e["type"] for e in events[len(before) :]] == [
        "ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    assert events[len(before)]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    # The same token is the same redrive; another one is refused, since it has succeeded.
    again = served.sfn.redrive_execution(executionArn=arn, clientToken="same")
    assert again["redriveDate"] == redriven["redriveDate"]
    assert served.code("redrive_execution", executionArn=arn) == "ExecutionNotRedrivable"


def test_what_runs_is_not_redriven(served: Any, asl: Any) -> None:
    arn = served.start(served.create(asl.one({"Type": "Wait", "Seconds": 600})))
    assert served.code("redrive_execution", executionArn=arn) == "ExecutionNotRedrivable"
    found = served.sfn.describe_execution(executionArn=arn)
    assert found["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"
    served.sfn.stop_execution(executionArn=arn)
    served.sfn.redrive_execution(executionArn=arn)
    assert served.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
    served.sfn.stop_execution(executionArn=arn)


# Task tokens


def test_tokens(served: Any, asl: Any) -> None:
    arn = served.create(asl.one(asl.waiting()))
    good = served.start(arn, {"key": "good"})
    served.sfn.send_task_heartbeat(taskToken=served.token("good"))
    assert served.code("send_task_success", taskToken=served.token("good"),
                       output="{") == "InvalidOutput"  # fmt: skip
    served.sfn.send_task_success(taskToken=served.token("good"), output='{"paid": 1}')
    assert served.ended(good)["output"] == '{"paid":1}'
    bad = served.start(arn, {"key": "bad"})
    served.sfn.send_task_failure(taskToken=served.token("bad"), error="No", cause="because")
    found = served.ended(bad)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "No", "because")
    silent = served.start(arn, {"key": "silent"})
    served.sfn.send_task_failure(taskToken=served.token("silent"))
    assert served.ended(silent)["status"] == "FAILED"
    for key in ("good", "bad"):
        used = served.token(key)
        assert served.code("send_task_success", taskToken=used, output="1") == "TaskTimedOut"
        assert served.code("send_task_failure", taskToken=used) == "TaskTimedOut"
        assert served.code("send_task_heartbeat", taskToken=used) == "TaskTimedOut"


def test_tokens_that_nobody_was_given(served: Any, asl: Any) -> None:
    import base64

    arn = served.start(served.create(asl.one(asl.waiting("real"))))
    real = base64.urlsafe_b64decode(served.token("real")).decode()
    guessed = base64.urlsafe_b64encode((real[:-4] + "0000").encode()).decode()
    gone = base64.urlsafe_b64encode(f"{arn}x#{'0' * 64}".encode()).decode()
    assert served.code("send_task_heartbeat", taskToken=guessed) == "TaskDoesNotExist"
    assert served.code("send_task_heartbeat", taskToken=gone) == "TaskDoesNotExist"
    for bad in ("x", "AAAA", "\u00e9", "a" * 2048):
        assert served.code("send_task_heartbeat", taskToken=bad) == "InvalidToken"
    served.sfn.stop_execution(executionArn=arn)


def test_a_heartbeat_that_does_not_come(served: Any, asl: Any) -> None:
    found = served.run(asl.one(asl.waiting("quiet", HeartbeatSeconds=1)))
    assert (found["status"], found["error"]) == ("FAILED", "States.HeartbeatTimeout")
    assert served.code("send_task_success", taskToken=served.token("quiet"),
                       output="1") == "TaskTimedOut"  # fmt: skip


# EXPRESS


def test_express(served: Any, asl: Any) -> None:
    body = asl.one({"Type": "Pass", "Output": {"n": "{% $states.input.n %}"}})
    arn = served.create(body, type="EXPRESS")
    found = served.sfn.start_sync_execution(stateMachineArn=arn, name="same", input='{"n": 1}')
    assert (found["status"], found["output"], found["name"]) == ("SUCCEEDED", '{"n":1}', "same")
    assert found["billingDetails"] == {
        "billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100,
    }  # fmt: skip
    assert found["executionArn"].startswith(arn.replace(":stateMachine:", ":express:") + ":same:")
    # Not idempotent: the name may come again.
    again = served.sfn.start_sync_execution(stateMachineArn=arn, name="same", input='{"n": 1}')
    assert again["executionArn"] != found["executionArn"]
    started = served.start(arn, {"n": 2})
    for operation in ("describe_execution", "get_execution_history", "stop_execution",
                      "redrive_execution"):  # fmt: skip
        assert served.code(operation, executionArn=started) == "InvalidArn"
    assert served.code("list_executions", stateMachineArn=arn) == "StateMachineTypeNotSupported"
    failing = served.create(asl.one({"Type": "Fail", "Error": "E", "Cause": "c"}), type="EXPRESS")
    failed = served.sfn.start_sync_execution(stateMachineArn=failing)
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "E", "c")
    standard = served.create(body)
    assert served.code("start_sync_execution", stateMachineArn=standard) == (
        "StateMachineTypeNotSupported"
    )
    waits = json.dumps({"QueryLanguage": "JSONata", **asl.one(asl.waiting("k"))})
    role = "arn:aws:iam::123456789012:role/r"
    assert served.code("create_state_machine", name="e", definition=waits, roleArn=role,
                       type="EXPRESS") == "InvalidDefinition"  # fmt: skip


def test_state(served: Any) -> None:
    state = {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Output": {"n": "{% 1 + 1 %}"},
        "End": True,
    }
    found = served.sfn.test_state(definition=json.dumps(state), input="{}")
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"n":2}')
