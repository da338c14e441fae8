import json

import pytest
from redress_local.lambda_service.workers import failures


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "Runtime exited without providing a reason"),
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (-9, "Runtime exited with error: signal: killed"),
        (-33, "Runtime exited with error: signal: 33"),
    ],
)
def test_exits(code, reason):
    failure = failures.exited("r", code)
    told = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r Error: {reason}"}
    assert json.loads(failure.payload) == told


def test_a_timeout_is_told_as_step_functions_sees_it():
    failure = failures.timed_out("2026-01-01T00:00:00.000Z", "r", 3)
    assert json.loads(failure.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "2026-01-01T00:00:00.000Z r Task timed out after 3.00 seconds",
    }
    assert failure.status == "timeout"
