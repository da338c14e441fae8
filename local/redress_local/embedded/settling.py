"""Waiting until executions are over, or wait for a human."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asl_engine import Engine, Execution
    from asl_engine.clock import Clock

    from redress_local.embedded.watch import ExecutionWatch
    from redress_local.events.bus import EventBus

_SHORT_OF_A_HUMAN = 3600.0


class Settling:
    """Waits for executions of one engine.

    Args:
        engine: Runs them.
        bus: Delivers what they publish.
        watch: Knows which of them wait for a human.
        clock: Time.
        inline: Whether the engine runs in the caller's thread.
    """

    def __init__(
        self, engine: Engine, bus: EventBus, watch: ExecutionWatch, clock: Clock, *, inline: bool
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._watch = watch
        self._clock = clock
        self._inline = inline

    def settle(self, arn: str, timeout: float = 3600.0) -> Execution:
        """Wait until an execution is over or waits for a human; returns it as it is then.

        Args:
            arn: The execution.
            timeout: Seconds to wait at most.
        """
        end = self._clock.monotonic() + timeout
        while True:
            before = self._clock.monotonic()
            execution = self._step(arn, end)
            if execution.status != "RUNNING" or self._watch.is_waiting(arn):
                break
            now = self._clock.monotonic()
            # In this thread nothing happens by itself: no time passed, so nothing is to come.
            if now >= end or (self._inline and now == before):
                break
        self._watch.tell_ends()
        return execution

    def _step(self, arn: str, end: float) -> Execution:
        left = max(0.0, end - self._clock.monotonic())
        if self._inline:
            # Less than the time-out of a question to a human, which is not to be waited for.
            return self._engine.wait(arn, timeout=min(_SHORT_OF_A_HUMAN, left))
        self._watch.wait_for_change(arn, left)
        execution = self._engine.describe(arn)
        # It is over in the journal before its last events are told: wait for those too.
        return execution if execution.status == "RUNNING" else self._engine.wait(arn)

    def drain(self, timeout: float = 600.0) -> None:
        """Finish all that can be finished: executions, and deliveries that are due.

        What waits for a human stays.
        """
        end = self._clock.monotonic() + timeout
        stuck: set[str] = set()
        while self._clock.monotonic() < end:
            for execution in self._engine.list_executions(status="RUNNING"):
                self.settle(execution.arn, end - self._clock.monotonic())
            self._watch.tell_ends()
            self._bus.deliver_due()
            running = {
                execution.arn
                for execution in self._engine.list_executions(status="RUNNING")
                if not self._watch.is_waiting(execution.arn)
            }
            if running and (not self._inline or running != stuck):
                stuck = running
                continue
            due = self._bus.store.next_due()
            if due is None or due - self._clock.now() > end - self._clock.monotonic():
                return
            self._clock.sleep(max(0.0, due - self._clock.now()))
