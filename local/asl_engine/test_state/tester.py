"""Runs one state on the engine's own interpreter and writes down what happens on the way."""

from __future__ import annotations

import random
import threading
from collections import deque
from typing import Any

from asl_engine import forks, program, tasks
from asl_engine.clock import Clock
from asl_engine.codec import encode
from asl_engine.context import Scopes
from asl_engine.core import Core
from asl_engine.errors import TaskError
from asl_engine.integrations.protocol import Integration
from asl_engine.interpreter import Interpreter, Local
from asl_engine.journal import MemoryJournal
from asl_engine.matching import TIMEOUT
from asl_engine.program import Retrier, RetryableState, Transition
from asl_engine.runtime import Call, Phase, Track
from asl_engine.scheduler import InlineScheduler
from asl_engine.test_state.request import TestRequest

LONGEST_TEST = 300.0
"""Seconds after which AWS ends a test with `States.Timeout`."""


class _Frozen:
    """A clock that stands still, so that what is computed from it can be read back exactly."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now()

    def now(self) -> float:
        return self._now

    monotonic = now

    def sleep(self, seconds: float) -> None:
        """Lets no time pass."""


class _LongestBackoff(random.Random):
    """Draws the longest backoff that full jitter can give, the same in every test."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class StateTester(Interpreter):
    """The interpreter, stopped where the tested state is left, retried or failed.

    Attributes:
        status: `SUCCEEDED`, `FAILED`, `RETRIABLE` or `CAUGHT_ERROR`.
        next: The state that would be next.
        seen: What `inspectionData` shows, as JSON values and whole numbers.
        handled: Its `errorDetails`.
    """

    def __init__(
        self, request: TestRequest, clock: Clock, integrations: dict[str, Integration]
    ) -> None:
        frozen = _Frozen(clock)
        core = Core(
            journal=MemoryJournal(),
            clock=frozen,
            rng=_LongestBackoff(),
            scheduler=InlineScheduler(frozen),
            is_effect=None,
        )
        core.integrations = integrations
        core.interpreter = self
        super().__init__(core)
        self._request = request
        self.status = "FAILED"
        self.next: str | None = None
        self.seen: dict[str, Any] = {}
        self.handled: dict[str, int] = {}

    def run(self, track: Track) -> None:
        """Take the track, which is about to enter the tested state, through that state."""
        local: Local = deque()
        execution = track.execution
        with execution.lock:
            while True:
                _, call = self.step(track, local)
                if call is not None:
                    self._work(track, call)
                elif track.phase is Phase.WAITING:
                    self._wake(track)
                else:
                    return

    # Where the interpreter does something else than in an execution

    def _perform(self, track: Track, local: Local) -> Call | None:
        state = track.state
        if isinstance(state, program.ParallelState):
            forks.open_parallel(track, state)
            if state.arguments is not None:
                self.seen["afterArguments"] = track.execution.pending[-1].payload
        elif isinstance(state, program.MapState):
            fork = forks.open_map(track, state)
            if state.item_selector is not None:
                self.seen["afterItemSelector"] = encode(fork.inputs)
            self._look_at_limits(track, state, fork.limit)
        else:
            return super()._perform(track, local)
        self._join(track)
        return None

    def _look_at_limits(self, track: Track, state: program.MapState, limit: int) -> None:
        scopes = Scopes(track)
        self.seen["maxConcurrency"] = limit
        if state.tolerated_count is not None:
            self.seen["toleratedFailureCount"] = int(scopes.evaluate(state.tolerated_count))
        if state.tolerated_percentage is not None:
            self.seen["toleratedFailurePercentage"] = float(
                scopes.evaluate(state.tolerated_percentage)
            )

    def _join(self, track: Track) -> None:
        """End a Parallel or a Map as its mock says, with no branch or iteration run."""
        mock, fork = self._request.mock, track.fork
        assert mock is not None
        assert fork is not None
        failed = self._request.failed_iterations
        if mock.error is not None:
            forks.fail_fork(self.core, track, mock.error, mock.cause)
        elif failed is not None and fork.tolerated is not None and failed > fork.tolerated:
            forks.exceed_threshold(self.core, track)
        else:
            track.execution.add(track, f"{track.state.type}StateSucceeded")
            track.result, track.result_json = mock.result, encode(mock.result)
            track.phase = Phase.RESULT

    def _work(self, track: Track, call: Call) -> None:
        """Answer a Task by its mock, or by calling what it calls."""
        state, mock = track.state, self._request.mock
        assert isinstance(state, program.TaskState)
        if state.arguments is not None:
            self.seen["afterArguments"] = encode(track.call_arguments)
        if mock is None:
            outcome = _in_time(call, track.timeout)
            tasks.returned(self.core, track, outcome)
        elif mock.error is not None:
            tasks.fail(self.core, track, mock.error, mock.cause)
        else:
            tasks.succeed(self.core, track, mock.result, encode(mock.result))
        if track.phase is Phase.RESULT:
            self.seen["result"] = track.result_json

    def _wake(self, track: Track) -> None:
        """Pass over a Wait; one that would outlast the longest test ends it as AWS does."""
        if track.until - self.core.clock.now() > LONGEST_TEST:
            track.error = (TIMEOUT, None)
            track.phase = Phase.FAILED
        else:
            self.woken(track)

    def leave(
        self,
        track: Track,
        then: Transition,
        scopes: Scopes,
        default: Any,
        default_json: bytes,
        *,
        known_default: bool = True,
    ) -> None:
        """Leave the tested state; whatever follows is not run."""
        super().leave(track, then, scopes, default, default_json, known_default=known_default)
        self.status = "SUCCEEDED"
        self.next = then.next
        track.phase = Phase.DONE

    def _retry(self, track: Track, state: RetryableState, index: int, retrier: Retrier) -> bool:
        self.handled["retryIndex"] = index
        track.attempts = [0] * len(state.retry)
        track.attempts[index] = self._request.retry_count
        if not super()._retry(track, state, index, retrier):
            return False
        note = track.execution.pending[-1].details or {}
        backoff = note["until"] - self.core.clock.now()
        self.handled["retryBackoffIntervalSeconds"] = round(backoff)
        self.status = "RETRIABLE"
        track.phase = Phase.BACKOFF
        return True

    def _catch(self, track: Track, catcher: program.Catcher) -> None:
        state = track.state
        assert isinstance(state, RetryableState)
        super()._catch(track, catcher)
        if track.phase is Phase.DONE:
            self.status = "CAUGHT_ERROR"
            self.handled["catchIndex"] = state.catch.index(catcher)


def _in_time(call: Call, timeout: float | None) -> Any:
    """Run a call; one that takes too long is left behind, as an execution would leave it."""
    answers: list[Any] = []
    worker = threading.Thread(target=lambda: answers.append(call.run()), daemon=True)
    worker.start()
    worker.join(min(timeout or LONGEST_TEST, LONGEST_TEST))
    return answers[0] if answers else TaskError(TIMEOUT)
