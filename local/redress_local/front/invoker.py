"""Calls functions for the front: blocking calls in threads of their own, each with a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

_log = logging.getLogger(__name__)
IN_FLIGHT = 200


class Answer(Protocol):
    """What one invocation gives, as far as the front looks at it."""

    @property
    def payload(self) -> bytes:
        """The function's answer as JSON, or its error."""

    @property
    def function_error(self) -> str | None:
        """None when the function returned."""


Invoke = Callable[[str, bytes], Answer]
"""Blocking: function ARN, event as JSON -> what the function answered."""


class InvocationError(Exception):
    """The function did not answer: it failed, or could not be called."""


class InvocationTimeoutError(InvocationError):
    """The integration's time is over; the function itself goes on."""


class InvocationThrottledError(InvocationError):
    """Lambda throttles the function."""


class Invoker:
    """Runs up to 200 invocations at once; more wait for a thread, within their time.

    Args:
        invoke: What calls a function.
        throttled: What `invoke` raises when Lambda throttles.
        in_flight: Number of threads.
    """

    def __init__(
        self,
        invoke: Invoke,
        *,
        throttled: tuple[type[Exception], ...] = (),
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._invoke = invoke
        self._throttled = throttled
        self._closed = False
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="front-invoke")

    async def call(self, function_arn: str, event: bytes, timeout_ms: int) -> bytes:
        """Call a function and return its payload.

        Raises:
            InvocationTimeoutError: It took longer than the integration allows.
            InvocationThrottledError: Lambda throttles it.
            InvocationError: It failed or could not be called.
        """
        if self._closed:
            raise InvocationError(function_arn)
        loop = asyncio.get_running_loop()
        try:
            running = loop.run_in_executor(self._threads, self._invoke, function_arn, event)
            # A call that has not begun is taken back; one that runs goes on, as it does in AWS.
            answer = await asyncio.wait_for(running, timeout_ms / 1000)
        except TimeoutError as error:
            raise InvocationTimeoutError(function_arn) from error
        except self._throttled as error:
            raise InvocationThrottledError(function_arn) from error
        except Exception as error:
            # Whatever keeps a function from being called: the caller sees the API's own error.
            _log.warning("cannot invoke %s: %s: %s", function_arn, type(error).__name__, error)
            raise InvocationError(function_arn) from error
        if answer.function_error:
            raise InvocationError(function_arn)
        return answer.payload

    def close(self) -> None:
        """Take back what has not begun; what runs is not waited for."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
