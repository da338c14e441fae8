"""Which error names a retrier or a catcher takes, by Step Functions' rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
EXCEED_TOLERATED_FAILURE = "States.ExceedToleratedFailureThreshold"

# What the wildcard for task failures leaves out.
_NOT_TASK_FAILURES = frozenset({TIMEOUT, HEARTBEAT_TIMEOUT, QUERY_EVALUATION_ERROR})


def error_matcher(error_equals: Sequence[str]) -> Callable[[str], bool]:
    """Compile an `ErrorEquals` list.

    `States.Runtime` is taken by nobody; `States.ALL` takes all else but
    `States.DataLimitExceeded`; `States.TaskFailed` takes what a task can fail with, so neither
    timeouts nor expression errors; `States.Timeout` takes missed heartbeats too.
    """
    names = frozenset(error_equals)
    takes_all = ALL in names
    takes_tasks = TASK_FAILED in names

    def matches(error: str) -> bool:
        if error == RUNTIME:
            return False
        if error in names or (error == HEARTBEAT_TIMEOUT and TIMEOUT in names):
            return True
        if takes_all and error != DATA_LIMIT_EXCEEDED:
            return True
        return takes_tasks and error not in _NOT_TASK_FAILURES

    return matches
