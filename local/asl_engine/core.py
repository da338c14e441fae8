"""Runs executions: drives their tracks, writes their batches, keeps their timers and tokens.

The design in short. An execution is a tree of tracks (`runtime.Track`), each a small resumable
machine. A thread *drives* a track: it holds the execution's lock while it interprets, lets go of it
while a task's callable runs, and leaves when the track has to wait. So a waiting execution costs
no thread, and everything inside an execution happens under one lock. Events are
committed in one batch per boundary: what led from one task's answer to the call of the next, or to
a wait or the end. So a batch always ends in a state from which `recovery` can go on.

A thread first finishes what it made possible itself (its `local` work: the first child of a fork,
the parent of a finished child, a child execution), so an execution without parallel tasks never
changes threads. Only what can go on beside it is handed to the scheduler.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from asl_engine import children, tasks
from asl_engine.clock import Clock
from asl_engine.errors import AslEngineError, TaskError
from asl_engine.integrations.protocol import Integration, TaskRequest
from asl_engine.interpreter import Interpreter, Local
from asl_engine.journal.records import ExecutionRecord, Journal
from asl_engine.listeners import Listeners
from asl_engine.matching import HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT
from asl_engine.runtime import (
    RUNNING,
    TIMED_OUT,
    Call,
    Execution,
    Phase,
    Track,
)
from asl_engine.scheduler import Scheduler


class Core:
    """The running parts; see the module. `Engine` is the front."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        rng: random.Random,
        scheduler: Scheduler,
        is_effect: Callable[[TaskRequest], bool] | None,
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.random = rng
        self.scheduler = scheduler
        self.integrations: dict[str, Integration] = {}
        self.is_effect = is_effect
        self.live: dict[str, Execution] = {}
        self.tokens: dict[str, Track] = {}
        self.lock = threading.RLock()
        self.listeners = Listeners(journal)
        self.interpreter = Interpreter(self)

    # Driving

    def drive(self, track: Track) -> None:
        """Run a track and all that follows from it, as far as it goes in this thread."""
        local: Local = deque()
        self.run_track(track, local)
        drain(local)

    def run_track(self, track: Track, local: Local) -> None:
        """Run a track until it waits or is over."""
        execution = track.execution
        execution.lock.acquire()
        try:
            while not execution.done and not track.dead:
                track, call = self.interpreter.step(track, local)
                self.commit(execution, local)
                if call is None:
                    return
                if not self._answer(track, call, local):
                    return
        finally:
            execution.lock.release()

    def run_call(self, track: Track, call: Call, local: Local) -> None:
        """Run a call made outside the loop, and go on from its answer."""
        with track.execution.lock:
            goes_on = self._answer(track, call, local)
        if goes_on:
            self.run_track(track, local)

    def _answer(self, track: Track, call: Call, local: Local) -> bool:
        """Run a call without the lock and write what it gave; False if it came too late."""
        execution = track.execution
        execution.lock.release()
        try:
            outcome = call.run()
        finally:
            execution.lock.acquire()
        if execution.done or track.dead or track.serial != call.serial:
            return False
        # Committed with what follows from it: the caller's next act is to step on and commit, and
        # a step is only the evaluation of this state's Output and the next one's Arguments.
        child = tasks.returned(self, track, outcome)
        if child is not None:
            local.append(partial(children.follow, self, child, local))
        return True

    def invoke(self, request: TaskRequest) -> Any:
        """Call an integration; a failure is returned, not raised."""
        integration = self.integrations.get(request.resource)
        if integration is None:
            return TaskError(RUNTIME, f"no integration is registered for {request.resource}")
        try:
            return integration(request)
        except TaskError as error:
            return error
        except AslEngineError as error:
            return TaskError(f"States.{type(error).__name__}", str(error))
        except Exception as error:  # noqa: BLE001 - see below
            # The boundary to the host's code: whatever it raises fails its task by class name,
            # as a Lambda function's exception would, instead of losing the execution.
            return TaskError(type(error).__name__, str(error))

    def check_effect(self, track: Track, request: TaskRequest) -> None:
        """Ask for a durable commit before a task that the host calls an effect."""
        if self.is_effect is not None and self.is_effect(request):
            track.execution.barrier = True

    # The journal

    def commit(self, execution: Execution, local: Local | None = None) -> None:
        """Write what has happened since the last commit, if anything has."""
        pending = execution.pending
        if not pending:
            return
        record = execution.record
        ended = record.status != RUNNING and not execution.done
        self.journal.commit(
            record,
            execution.sequence,
            pending,
            insert=execution.insert,
            update=ended or execution.update,
            barrier=execution.barrier,
        )
        execution.sequence += 1
        execution.pending = []
        execution.insert = execution.update = execution.barrier = False
        if self.listeners:
            self.listeners.tell(record, pending)
        if ended:
            self._ended(execution, local)

    def finish(
        self,
        execution: Execution,
        status: str,
        *,
        output: bytes | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Set how an execution ended; the next commit makes it so."""
        record = execution.record
        record.status = status
        record.output = output
        record.error = error
        record.cause = cause
        record.stopped_at = self.clock.now()

    def _ended(self, execution: Execution, local: Local | None) -> None:
        if execution.timer is not None:
            self.scheduler.cancel(execution.timer)
            execution.timer = None
        record = execution.record
        with self.lock:
            self.live.pop(record.arn, None)
        execution.mark_done()
        if record.parent:
            if local is None:
                self.scheduler.submit(partial(self._tell_parent, record))
            else:
                local.append(partial(children.ended, self, record, local))

    def _tell_parent(self, record: ExecutionRecord) -> None:
        local: Local = deque()
        children.ended(self, record, local)
        drain(local)

    def end_now(
        self, execution: Execution, status: str, error: str | None, cause: str | None, kind: str
    ) -> bool:
        """Stop an execution from outside, whatever it does at the time.

        Returns:
            False if it was over already.
        """
        with execution.lock:
            if execution.done:
                return False
            self.silence(execution.root)
            details = {"error": error, "cause": cause}
            execution.root.event = 0
            execution.add(
                execution.root,
                kind,
                details={key: value for key, value in details.items() if value is not None},
            )
            self.finish(execution, status, error=error, cause=cause)
            self.commit(execution)
        return True

    def silence(self, track: Track) -> None:
        """Stop a track and all under it without a word in the history."""
        track.dead = True
        track.serial += 1
        self.release(track)
        children.stop(self, track)
        if track.fork is not None:
            for child in track.fork.children.values():
                if child.phase not in (Phase.DONE, Phase.FAILED):
                    self.silence(child)

    # Timers

    def add_timer(self, track: Track, seconds: float, work: Callable[[], None]) -> None:
        """Run work for a track after that many seconds, unless the track is released first."""
        timer = self.scheduler.call_later(max(seconds, 0.0), work)
        if track.timers is None:
            track.timers = [timer]
        else:
            track.timers.append(timer)

    def wake_at(self, track: Track, until: float) -> None:
        """Wake a waiting or backing-off track at a time."""
        track.serial += 1
        self.add_timer(track, until - self.clock.now(), partial(self._wake, track, track.serial))

    def release(self, track: Track) -> None:
        """Cancel the track's timers and forget its token."""
        if track.timers is not None:
            for timer in track.timers:
                self.scheduler.cancel(timer)
            track.timers = None
        if track.token is not None:
            self.tokens.pop(track.token, None)

    def _wake(self, track: Track, serial: int) -> None:
        with track.execution.lock:
            if track.dead or track.execution.done or track.serial != serial:
                return
            self.release(track)
            self.interpreter.woken(track)
        self.drive(track)

    def add_task_timeout(self, track: Track, seconds: float) -> None:
        """Time the track's task out after that many seconds."""
        self.add_timer(track, seconds, partial(self.time_out, track, track.serial, TIMEOUT))

    def time_out(self, track: Track, serial: int, error: str) -> None:
        """The task's time is over."""
        with track.execution.lock:
            if track.dead or track.execution.done or track.serial != serial:
                return
            children.stop(self, track)
            tasks.fail(self, track, error, None)
            self.commit(track.execution)
        self.drive(track)

    def check_heartbeat(self, track: Track, serial: int) -> None:
        """Time the task out if no heartbeat has come since the last check."""
        with track.execution.lock:
            if track.dead or track.execution.done or track.serial != serial:
                return
            assert track.heartbeat is not None
            left = track.heartbeat_at + track.heartbeat - self.clock.now()
            if left > 0:
                self.add_timer(track, left, partial(self.check_heartbeat, track, serial))
                return
        self.time_out(track, serial, HEARTBEAT_TIMEOUT)

    def watch_execution(self, execution: Execution) -> None:
        """Time the execution out at its machine's TimeoutSeconds."""
        limit = execution.machine.timeout
        if limit is not None:
            left = execution.began_at + limit - self.clock.now()
            execution.timer = self.scheduler.call_later(
                max(left, 0.0), partial(self._execution_timed_out, execution)
            )

    def _execution_timed_out(self, execution: Execution) -> None:
        self.end_now(execution, TIMED_OUT, TIMEOUT, None, "ExecutionTimedOut")

    # Tokens

    def add_token(self, track: Track) -> None:
        """Let the track be found by its token."""
        assert track.token is not None
        self.tokens[track.token] = track


def drain(local: Local) -> None:
    """Do the work that belongs to this thread."""
    while local:
        local.popleft()()
