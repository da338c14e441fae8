"""Answering Step Functions states that wait for a task token."""

from collections.abc import Callable
from typing import Any

from redress.adapters.aws.clients import AWS_ERRORS, client, error_code, translated
from redress.models.base import dump_json

_NOBODY_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})

MAX_CAUSE_CHARACTERS = 32_000


class StepFunctionsCallback:
    """A `TaskCallback` for executions in AWS."""

    def __init__(self, stepfunctions: Any = None) -> None:
        """Use a low-level client, by default this process's own."""
        self._stepfunctions = stepfunctions or client("stepfunctions")

    def send_success(self, token: str, output: dict[str, Any]) -> bool:
        """Let the waiting state go on with `output`; False if nothing waits for the token now.

        Raises:
            DependencyUnavailableError: Step Functions did not answer.
        """
        text = dump_json(output).decode()
        return self._send(self._stepfunctions.send_task_success, taskToken=token, output=text)

    def send_failure(self, token: str, error: str, cause: str) -> bool:
        """Let the waiting state fail with `error`; False if nothing waits for the token now.

        Raises:
            DependencyUnavailableError: Step Functions did not answer.
        """
        send = self._stepfunctions.send_task_failure
        return self._send(send, taskToken=token, error=error, cause=cause[:MAX_CAUSE_CHARACTERS])

    def _send(self, send: Callable[..., Any], **values: str) -> bool:
        try:
            send(**values)
        except AWS_ERRORS as error:
            if error_code(error) in _NOBODY_WAITS:
                return False
            raise translated(error, "Step Functions") from error
        return True
