"""Each way in which a function can fail is taken by the retrier and the catcher of its name."""

import json
import os
import re
import signal
from typing import Any

import pytest
from faults_world import FaultsWorld, details_of
from stack_world import until

TOO_LARGE = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def failures(history: list[dict[str, Any]], kind: str = "TaskFailed") -> list[dict[str, Any]]:
    return [details_of(event) for event in history if event["type"] == kind]


def is_cause(cause: str, error: str, message: str) -> bool:
    """Tell whether a cause is the answer of a function that failed."""
    answer = json.loads(cause)
    return answer["errorType"] == error and answer["errorMessage"].endswith(message)


@pytest.mark.parametrize(
    ("function", "payload", "error", "catcher", "attempts", "message"),
    [
        pytest.param(
            "Fails", {"way": "raises"}, "OutOfStockError", "OutOfStockError", 3,
            "no sku_1 is left", id="raises",
        ),
        pytest.param(
            "SleepsShort", {}, "Sandbox.Timedout", "Sandbox.Timedout", 2,
            "Task timed out after 1.00 seconds", id="times out",
        ),
        pytest.param(
            "Fails", {"way": "exits", "status": 7}, "Runtime.ExitError", "Runtime.ExitError", 3,
            "Error: Runtime exited with error: exit status 7", id="exits",
        ),
        pytest.param(
            "Fails", {"way": "leaves"}, "Runtime.ExitError", "Runtime.ExitError", 3,
            "Error: Runtime exited without providing a reason", id="exits with status 0",
        ),
        pytest.param(
            "Fails", {"way": "killed"}, "Runtime.ExitError", "Runtime.ExitError", 3,
            "Error: Runtime exited with error: signal: killed", id="is killed",
        ),
        pytest.param(
            "Small", {"way": "eats"}, "Runtime.ExitError", "Runtime.ExitError", 3,
            "Error: Runtime exited with error: signal: killed", id="eats all memory",
        ),
        pytest.param(
            "AbsentImport", {}, "Runtime.ImportModuleError", "Runtime.ImportModuleError", 0,
            "No module named 'not_installed_anywhere'", id="imports what is not there",
        ),
        pytest.param(
            "AbsentHandler", {}, "Runtime.HandlerNotFound", "Runtime.ImportModuleError", 0,
            "Handler 'nowhere' missing on module 'app'", id="has no such handler",
        ),
        pytest.param(
            "Unconfigured", {}, "UnconfiguredError", "States.TaskFailed", 0,
            "TABLE is not set", id="raises at init",
        ),
        pytest.param(
            "Fails", {"way": "returns_no_json"}, "Runtime.MarshalError", "States.TaskFailed", 1,
            "Object of type set is not JSON serializable", id="returns no JSON",
        ),
        pytest.param(
            "Fails", {"way": "returns_much", "bytes": 6_300_000},
            "Function.ResponseSizeTooLarge", "States.TaskFailed", 1,
            TOO_LARGE, id="returns over 6 MB",
        ),
    ],
)  # fmt: skip
def test_its_retrier_and_its_catcher(
    faults: FaultsWorld,
    function: str,
    payload: dict[str, Any],
    error: str,
    catcher: str,
    attempts: int,
    message: str,
) -> None:
    key = faults.name("fault")
    given = {"function": faults.function(function), "payload": {"key": key, **payload}}
    output, history = faults.run("ByName", given)
    assert output["catcher"] == catcher
    assert output["error"]["Error"] == error
    assert is_cause(output["error"]["Cause"], error, message)
    noted = faults.attempts(key)
    assert len(noted) == attempts
    assert len({note["request_id"] for note in noted}) == attempts

    failed = failures(history)
    assert len(failed) == max(attempts, 1)
    for failure in failed:
        assert (failure["resourceType"], failure["resource"]) == ("lambda", "invoke")
        assert failure["error"] == error
        assert is_cause(failure["cause"], error, message)
    kinds = [event["type"] for event in history]
    assert kinds == [
        "ExecutionStarted",
        "TaskStateEntered",
        *["TaskScheduled", "TaskStarted", "TaskFailed"] * len(failed),
        "TaskStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]


def test_a_raised_error_brings_its_stack_trace(faults: FaultsWorld) -> None:
    payload = {"key": faults.name("fault"), "way": "raises", "sku": "sku_é💸"}
    output, _ = faults.run("CatchesAll", {"function": faults.arn("Fails"), "payload": payload})
    cause = json.loads(output["error"]["Cause"])
    assert set(cause) == {"errorType", "errorMessage", "requestId", "stackTrace"}
    assert cause["errorMessage"] == "no sku_é💸 is left"
    assert "raise OutOfStockError" in "".join(cause["stackTrace"])
    (noted,) = faults.attempts(payload["key"])
    assert cause["requestId"] == noted["request_id"]


def test_a_long_cause_is_cut(faults: FaultsWorld) -> None:
    """Step Functions' API gives 32,768 characters of it; the catcher still takes the error."""
    payload = {"key": faults.name("fault"), "way": "raises", "repeat": 100_000}
    output, history = faults.run("ByName", {"function": faults.arn("Fails"), "payload": payload})
    assert output["catcher"] == "OutOfStockError"
    causes = [output["error"]["Cause"], *(failed["cause"] for failed in failures(history))]
    assert {len(cause) for cause in causes} == {32_768}


@pytest.mark.parametrize(
    ("function", "payload"),
    [("Fails", {"way": "raises"}), ("SleepsShort", {}), ("Fails", {"way": "killed"})],
    ids=["raises", "times out", "is killed"],
)
def test_the_general_one_first_takes_it(
    faults: FaultsWorld, function: str, payload: dict[str, Any]
) -> None:
    key = faults.name("fault")
    given = {"function": faults.function(function), "payload": {"key": key, **payload}}
    output, _ = faults.run("GeneralFirst", given)
    assert output["catcher"] == "general"
    assert len(faults.attempts(key)) == 2


class TestTimeouts:
    """A state's time-out is States.Timeout, a function's is Sandbox.Timedout: two things."""

    def test_of_the_state(self, faults: FaultsWorld) -> None:
        key = faults.name("fault")
        payload = {"key": key, "seconds": 3}
        given = {"function": faults.function("SleepsLong"), "payload": payload, "timeout": 1}
        output, history = faults.run("ByName", given)
        assert output["catcher"] == "States.Timeout"
        assert output["error"]["Error"] == "States.Timeout"
        assert len(faults.attempts(key)) == 1
        (late,) = failures(history, "TaskTimedOut")
        assert late["error"] == "States.Timeout"
        assert (late["resourceType"], late["resource"]) == ("lambda", "invoke")
        assert failures(history) == []

    def test_is_no_task_failure(self, faults: FaultsWorld) -> None:
        key = faults.name("fault")
        payload = {"key": key, "seconds": 3}
        given = {"function": faults.function("SleepsLong"), "payload": payload, "timeout": 1}
        output, _ = faults.run("GeneralFirst", given)
        assert output["catcher"] == "States.ALL"
        assert len(faults.attempts(key)) == 1

    def test_of_the_function_within_the_states(self, faults: FaultsWorld) -> None:
        key = faults.name("fault")
        given = {"function": faults.function("SleepsShort"), "payload": {"key": key, "times": 1}}
        output, history = faults.run("ByName", {**given, "timeout": 20})
        assert output == {"attempt": 2}
        assert [f["error"] for f in failures(history)] == ["Sandbox.Timedout"]
        assert failures(history, "TaskTimedOut") == []


class TestSizes:
    """Over 256 KiB a function may answer, but a state machine does not take it."""

    def test_the_catcher_of_that_name(self, faults: FaultsWorld) -> None:
        payload = {"key": faults.name("fault"), "way": "returns_much", "bytes": 300_000}
        given = {"function": faults.function("Fails"), "payload": payload}
        output, history = faults.run("ByName", given)
        assert output["catcher"] == output["error"]["Error"] == "States.DataLimitExceeded"
        (failed,) = failures(history)
        assert failed["error"] == "States.DataLimitExceeded"
        assert failed["cause"].endswith(
            "with a size exceeding the maximum number of bytes service limit."
        )
        assert len(faults.attempts(payload["key"])) == 1

    def test_all_does_not_take_it(self, faults: FaultsWorld) -> None:
        payload = {"key": faults.name("fault"), "way": "returns_much", "bytes": 300_000}
        given = {"function": faults.function("Fails"), "payload": payload}
        ended = faults.end(faults.start("CatchesAll", given))
        assert ended["status"] == "FAILED"
        assert ended["error"] == "States.DataLimitExceeded"

    def test_below_it_passes(self, faults: FaultsWorld) -> None:
        payload = {"key": faults.name("fault"), "way": "returns_much", "bytes": 250_000}
        given = {"function": faults.function("Fails"), "payload": payload}
        output, _ = faults.run("CatchesAll", given)
        assert output == "x" * 250_000


def test_throttled(faults: FaultsWorld) -> None:
    """The one reserved place is taken; it is free again after the second refusal."""
    holder, key = faults.name("holder"), faults.name("fault")
    one = faults.function("One")
    faults.functions.invoke(
        FunctionName=one, InvocationType="Event", Payload=json.dumps({"key": holder})
    )
    until(lambda: faults.attempts(holder), "the holder's start")
    faults.let_go(key)
    refused = faults.start("ByName", {"function": one, "payload": {"key": key}})
    output = json.loads(faults.end(refused)["output"])
    assert output["catcher"] == output["error"]["Error"] == "Lambda.TooManyRequestsException"
    assert faults.attempts(key) == []
    failed = failures(faults.history(refused))
    assert len(failed) == 4
    for failure in failed:
        assert failure["error"] == "Lambda.TooManyRequestsException"
        assert re.fullmatch(
            rf"Rate Exceeded\. \(Service: Lambda, Status Code: 429, Request ID: {UUID}\)",
            failure["cause"],
        )

    patient = faults.start("ByName", {"function": one, "payload": {"key": key}})
    until(lambda: failures(faults.history(patient)), "a refusal")
    faults.let_go(holder)
    assert json.loads(faults.end(patient)["output"]) == {"attempt": 1}
    assert faults.effects(key) == ["1"]


def test_no_such_function(faults: FaultsWorld) -> None:
    missing = faults.arn("Fails").rpartition(":")[0] + ":nowhere"
    output, history = faults.run("ByName", {"function": missing, "payload": {}})
    assert output["catcher"] == output["error"]["Error"] == "Lambda.ResourceNotFoundException"
    (failed,) = failures(history)
    said = (
        rf"Function not found: {missing} \(Service: Lambda, Status Code: 404, Request ID: {UUID}\)"
    )
    assert re.fullmatch(said, failed["cause"])


def test_fails_twice_then_succeeds(faults: FaultsWorld) -> None:
    payload = {"key": faults.name("fault"), "way": "raises", "times": 2}
    output, history = faults.run("ByName", {"function": faults.arn("Fails"), "payload": payload})
    assert output == {"attempt": 3}
    assert [f["error"] for f in failures(history)] == ["OutOfStockError"] * 2
    assert len(failures(history, "TaskSucceeded")) == 1
    retried = [e for e in history if e["type"] == "TaskScheduled"]
    assert len(retried) == 3


def test_killed_from_outside_it_is_tried_again_and_done_once(faults: FaultsWorld) -> None:
    key = faults.name("fault")
    payload = {"key": key, "times": 1}
    execution = faults.start("ByName", {"function": faults.arn("Killed"), "payload": payload})
    (first,) = until(lambda: faults.attempts(key), "the first attempt")
    os.kill(first["pid"], signal.SIGKILL)
    ended = faults.end(execution)
    assert json.loads(ended["output"]) == {"attempt": 2}
    assert faults.effects(key) == ["2"]
    assert len({note["pid"] for note in faults.attempts(key)}) == 2
    (failed,) = failures(faults.history(execution))
    assert failed["error"] == "Runtime.ExitError"
    assert json.loads(failed["cause"])["errorMessage"].endswith("signal: killed")


class TestByArn:
    """The function's ARN as Resource: history tells of it in LambdaFunction events."""

    def test_failed(self, faults: FaultsWorld) -> None:
        payload = {"key": faults.name("fault"), "way": "raises"}
        output, history = faults.run("ByArn", payload)
        assert output["error"]["Error"] == "OutOfStockError"
        assert [event["type"] for event in history[2:11]] == [
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionFailed",
        ] * 3
        scheduled = details_of(history[2])
        assert scheduled["resource"] == faults.arn("Fails")
        assert json.loads(scheduled["input"]) == payload
        for failed in failures(history, "LambdaFunctionFailed"):
            assert set(failed) == {"error", "cause"}
            assert failed["error"] == "OutOfStockError"
            assert is_cause(failed["cause"], "OutOfStockError", "no sku_1 is left")

    def test_succeeded(self, faults: FaultsWorld) -> None:
        payload = {"key": faults.name("fault"), "way": "raises", "times": 1}
        output, history = faults.run("ByArn", payload)
        assert output == {"attempt": 2}
        (succeeded,) = failures(history, "LambdaFunctionSucceeded")
        assert json.loads(succeeded["output"]) == {"attempt": 2}

    def test_timed_out(self, faults: FaultsWorld) -> None:
        execution = faults.start("ByArnInTime", {"key": faults.name("fault"), "seconds": 3})
        ended = faults.end(execution)
        assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
        (late,) = failures(faults.history(execution), "LambdaFunctionTimedOut")
        assert late["error"] == "States.Timeout"
