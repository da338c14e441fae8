"""What Lambda answers when a function fails without an answer of its own."""

import json
from typing import Final, NamedTuple

UNHANDLED: Final = "Unhandled"
TIMED_OUT: Final = "Sandbox.Timedout"
TOO_LARGE: Final = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."


class Failure(NamedTuple):
    """A failure in AWS's words.

    Attributes:
        payload: The answer: `errorType` and `errorMessage` as JSON.
        error_type: For the report; Runtime.OutOfMemory where the payload says ExitError.
        line: For the log in text format; "" when the runtime has told it already.
        status: For the report: `error` or `timeout`.
    """

    payload: bytes
    error_type: str
    line: str
    status: str = "error"


def timed_out(now: str, request_id: str, seconds: int) -> Failure:
    """The function ran over its timeout."""
    message = f"{now} {request_id} Task timed out after {seconds:.2f} seconds"
    return Failure(_payload(TIMED_OUT, message), TIMED_OUT, message, "timeout")


def exited(request_id: str, exit_code: int | None) -> Failure:
    """The function's process ended: `exit_code` is its status, or minus the signal."""
    if exit_code is None or exit_code == 0:
        reason = "Runtime exited without providing a reason"
    elif exit_code < 0:
        reason = f"Runtime exited with error: signal: {_SIGNALS.get(-exit_code, str(-exit_code))}"
    else:
        reason = f"Runtime exited with error: exit status {exit_code}"
    return _exit(f"RequestId: {request_id} Error: {reason}", "Runtime.ExitError")


def out_of_memory(request_id: str) -> Failure:
    """The function's memory grew over its limit; the payload says what the kernel did."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return _exit(message, "Runtime.OutOfMemory")


def too_large() -> Failure:
    """The function's answer is larger than Lambda takes."""
    kind = "Function.ResponseSizeTooLarge"
    return Failure(_payload(kind, TOO_LARGE), kind, f"{TOO_LARGE}\n{kind}")


def init_error(payload: bytes, error_type: str) -> Failure:
    """The function's module could not be loaded, in the runtime's own words."""
    return Failure(payload, error_type, "")


def _exit(message: str, reported: str) -> Failure:
    kind = "Runtime.ExitError"
    return Failure(_payload(kind, message), reported, f"{message}\n{kind}")


def _payload(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


# Go's names of signals, for AWS's supervisor prints those.
_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    15: "terminated",
}
