"""Task tokens: success, failure and heartbeat of the tasks that wait on them."""

from __future__ import annotations

from typing import Any

from asl_engine.api.protocol import ApiError
from asl_engine.codec import decode
from asl_engine.engine import Engine
from asl_engine.errors import InvalidInputError, TaskTokenError


class Tokens:
    """The operations on task tokens; made once per API."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def succeed(self, request: dict[str, Any]) -> None:
        """SendTaskSuccess."""
        try:
            output = decode(request["output"])
        except (ValueError, RecursionError) as error:
            raise ApiError("InvalidOutput", f"Invalid Output: 'it is not JSON: {error}'") from None
        try:
            self._engine.send_task_success(request["taskToken"], output)
        except InvalidInputError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from None
        except TaskTokenError as error:
            raise _token_error(error) from None

    def fail(self, request: dict[str, Any]) -> None:
        """SendTaskFailure."""
        try:
            self._engine.send_task_failure(
                request["taskToken"], request.get("error", ""), request.get("cause", "")
            )
        except InvalidInputError as error:
            raise ApiError("ValidationException", str(error)) from None
        except TaskTokenError as error:
            raise _token_error(error) from None

    def heartbeat(self, request: dict[str, Any]) -> None:
        """SendTaskHeartbeat."""
        try:
            self._engine.send_task_heartbeat(request["taskToken"])
        except TaskTokenError as error:
            raise _token_error(error) from None


def _token_error(error: TaskTokenError) -> ApiError:
    names = {
        "InvalidToken": "Invalid Token",
        "TaskDoesNotExist": "Task Does Not Exist",
        "TaskTimedOut": "Task Timed Out",
    }
    return ApiError(error.code, f"{names[error.code]}: '{error}'")
