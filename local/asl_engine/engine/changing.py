"""Changing what runs: stopping, redriving, and resuming after a restart."""

from __future__ import annotations

from collections import deque
from functools import partial

from asl_engine.core import drain
from asl_engine.engine.watching import Watching
from asl_engine.errors import ExecutionNotRedrivableError
from asl_engine.execution import Execution
from asl_engine.interpreter import Local
from asl_engine.journal import ExecutionRecord
from asl_engine.recovery import prepare_redrive, rebuild, restart
from asl_engine.redrive import redrive_problem
from asl_engine.runtime import ABORTED, RUNNING
from asl_engine.runtime import Execution as LiveExecution


class Changing(Watching):
    """Stops, redrives and resumes executions."""

    def stop_execution(
        self, arn: str, *, error: str | None = None, cause: str | None = None
    ) -> Execution:
        """Abort an execution, and the children it waits for; nothing happens to a finished one."""
        record = self.record(arn)
        with self._core.lock:
            live = self._core.live.get(arn)
            if live is None and record.status == RUNNING and self.journal.claim():
                live = self._core.live[arn] = self._rebuild(record)
        if live is not None:
            self._core.end_now(live, ABORTED, error, cause, "ExecutionAborted")
        return self.describe(arn)

    def redrive_execution(self, arn: str) -> Execution:
        """Run a failed, timed out or stopped execution again from where it stopped.

        Raises:
            ExecutionNotRedrivableError: It runs, has succeeded, is older than 14 days, or has
                too many events.
        """
        record = self.record(arn)
        problem = redrive_problem(record, self.journal, self.clock.now())
        if problem is not None:
            raise ExecutionNotRedrivableError(f"{arn}: {problem}")
        with self._core.lock:
            if arn in self._core.live:
                raise ExecutionNotRedrivableError(f"{arn} is RUNNING; it cannot be redriven")
            execution = self._rebuild(record)
            self._core.live[arn] = execution
        with execution.lock:
            count = record.redrive_count + 1
            record.status = RUNNING
            record.redriven_at = self.clock.now()
            record.output = record.error = record.cause = record.stopped_at = None
            root = execution.root
            root.event = execution.event_count
            prepare_redrive(execution, count, self.clock.now())
            execution.add(root, "ExecutionRedriven", details={"redriveCount": count})
            execution.update = True
            self._core.commit(execution)
            self._core.watch_execution(execution)
        self._core.scheduler.submit(partial(self._restart, execution))
        return self.describe(arn)

    def resume(self) -> list[str]:
        """Go on with every execution that the journal has as running.

        To be called once, on a new engine, after the machines are registered. A machine that is
        not registered, or has another definition by now, is compiled from the journal.

        Returns:
            The ARNs of the resumed executions; none while another process has the journal open,
            since the executions may be its own.
        """
        resumed: list[LiveExecution] = []
        if not self.journal.claim():
            return []
        for record in reversed(self.journal.records(status=RUNNING)):
            with self._core.lock:
                if record.arn in self._core.live:
                    continue
                execution = self._rebuild(record)
                self._core.live[record.arn] = execution
            resumed.append(execution)
        # Only now, so that children and parents find each other.
        for execution in resumed:
            with execution.lock:
                self._core.watch_execution(execution)
            self._core.scheduler.submit(partial(self._restart, execution))
        return [execution.record.arn for execution in resumed]

    def _rebuild(self, record: ExecutionRecord) -> LiveExecution:
        return rebuild(self._machines.of(record), record, self.journal, self.clock)

    def _restart(self, execution: LiveExecution) -> None:
        local: Local = deque()
        with execution.lock:
            if execution.done:
                return
            restart(self._core, execution.root, local)
            self._core.commit(execution, local)
        drain(local)
