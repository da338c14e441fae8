"""Answering tasks that wait on a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asl_engine.codec import decode, encode_input
from asl_engine.engine.base import EngineBase
from asl_engine.errors import InvalidInputError
from asl_engine.runtime import Track
from asl_engine.tasks import fail, succeed
from asl_engine.tokens import check_waiting, waiting_track


class Answering(EngineBase):
    """Takes results, failures and heartbeats by task token."""

    def send_task_success(self, token: str, output: Any) -> None:
        """Complete the task that waits on a token.

        Args:
            token: The task's token.
            output: A JSON value.

        Raises:
            TaskTokenError: No task waits on the token.
            InvalidInputError: The output is not JSON or above 256 KiB.
        """
        data = encode_input(output, "output")
        self._complete(token, lambda track: succeed(self._core, track, decode(data), data))

    def send_task_failure(self, token: str, error: str = "", cause: str = "") -> None:
        """Fail the task that waits on a token.

        Raises:
            TaskTokenError: No task waits on the token.
            InvalidInputError: The error or the cause is too long.
        """
        if len(error) > 256 or len(cause.encode()) > 32_768:
            raise InvalidInputError("an error has at most 256 characters, a cause 32768")
        self._complete(token, lambda track: fail(self._core, track, error, cause))

    def send_task_heartbeat(self, token: str) -> None:
        """Say that the task which waits on a token is alive.

        Raises:
            TaskTokenError: No task waits on the token.
        """
        track = waiting_track(self._core, token)
        with track.execution.lock:
            check_waiting(track, token)
            track.heartbeat_at = self.clock.now()

    def _complete(self, token: str, act: Callable[[Track], None]) -> None:
        track = waiting_track(self._core, token)
        with track.execution.lock:
            check_waiting(track, token)
            act(track)
            self._core.commit(track.execution)
        self.drive_later(track)
