"""One worker: a process under awslambdaric that serves one invocation at a time."""

import os
import select
import shutil
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from redress_local.lambda_service.types import FunctionSpec, Outcome
from redress_local.lambda_service.workers.environment import (
    log_stream_name,
    module_path,
    needs_own_interpreter,
    worker_environment,
)
from redress_local.lambda_service.workers.failures import (
    UNHANDLED,
    Failure,
    exited,
    init_error,
    out_of_memory,
    timed_out,
    too_large,
)
from redress_local.lambda_service.workers.logs import LogPipe, OnLog, PlatformLog, iso_now
from redress_local.lambda_service.workers.memory import MB, peak_bytes, resident_bytes
from redress_local.lambda_service.workers.runtime_api import Connection, Request, RuntimeApi, Wait
from redress_local.lambda_service.workers.supervisor import Supervisor, WorkerPoolError

FORK_SECONDS: Final = 30.0
KILL_SECONDS: Final = 5.0
FIRST_TICK: Final = 0.02
LAST_TICK: Final = 0.2
_TOO_LARGE_ANSWER = (
    b'{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
    b'"errorType":"RequestEntityTooLarge"}'
)


class Surroundings(NamedTuple):
    """What all workers of a pool share.

    Attributes:
        supervisor: Starts and kills their processes.
        runtime_folder: The folder of what the Lambda runtime itself holds.
        folder: Each worker's temporary folder is made in it.
        endpoint_url: The gateway.
        opt: Gives a function's merged layer folder.
        on_log: Takes log lines.
    """

    supervisor: Supervisor
    runtime_folder: Path
    folder: Path
    endpoint_url: str
    opt: Callable[[FunctionSpec], Path]
    on_log: OnLog


class Invocation(NamedTuple):
    """One event for a function.

    Attributes:
        request_id: What the function sees as `aws_request_id`.
        payload: The event, JSON.
        client_context: JSON, or None.
        trace_id: The X-Ray header.
    """

    request_id: str
    payload: bytes
    client_context: str | None
    trace_id: str


class StaleWorkerError(Exception):
    """An idle worker had died before it took the event: another can have it."""


class _Answer(NamedTuple):
    payload: bytes
    error: str | None


class _Over(Enum):
    TIME = 1
    MEMORY = 2
    EXIT = 3


class Worker:
    """A worker process. Not thread-safe: one thread has it at a time.

    Raises:
        WorkerPoolError: No process can be started.
    """

    def __init__(self, spec: FunctionSpec, around: Surroundings) -> None:
        self.spec = spec
        self.last_used = time.monotonic()
        self.init_ms = 0.0
        self.alive = True
        self._around = around
        self._id = uuid4().hex
        self._next: Connection | None = None
        self._max_bytes = 0
        self._tick = FIRST_TICK
        self._temporary = around.folder / self._id
        self._temporary.mkdir()
        stream = log_stream_name(spec)
        self._logs = LogPipe(spec, stream, around.on_log)
        self.platform = PlatformLog(spec, self._logs)
        life_read, life_write = os.pipe()
        self._api = RuntimeApi(life_read)
        opt = around.opt(spec)
        order = {
            "id": self._id,
            "environment": worker_environment(
                spec,
                opt=opt,
                runtime_folder=around.runtime_folder,
                temporary=self._temporary,
                api_address=self._api.address,
                log_stream=stream,
                endpoint_url=around.endpoint_url,
            ),
            "path": module_path(spec, opt, around.runtime_folder),
            "folder": str(spec.code),
            "exec": needs_own_interpreter(spec, opt),
        }
        try:
            around.supervisor.start(order, self._logs.write_fd, life_write)
        except WorkerPoolError:
            os.close(life_write)
            self._dispose()
            raise
        os.close(life_write)
        self._logs.started()

    @property
    def pid(self) -> int | None:
        """The process id, once it is known."""
        return self._api.pid

    def initialise(self, seconds: float, request_id: str = "") -> Failure | None:
        """Wait until the function's module is loaded; on failure the process is gone.

        Raises:
            WorkerPoolError: The zygote started no process.
        """
        self._await_process()
        began = time.monotonic()
        self.platform.init_start()
        try:
            return self._await_init(began + seconds, request_id)
        finally:
            self.init_ms = (time.monotonic() - began) * 1000

    def begin_within(self, event: Invocation, *, began: float, until: float) -> Outcome:
        """Initialise within an invocation, after a first worker failed to, and serve it.

        Raises:
            WorkerPoolError: The zygote started no process.
            StaleWorkerError: It died between the two.
        """
        failure = self.initialise(until - time.monotonic(), event.request_id)
        if failure is None:
            return self.invoke(event, began=began, until=until, init_ms=self.init_ms)
        self.platform.start(event.request_id)
        return self._fail(event, failure, began, None)

    def abandon(self, failure: Failure) -> None:
        """Report an init that failed, and let go of what is left of the worker."""
        self.platform.init_failed(self.init_ms, failure.status, failure.error_type)
        self._logs.flush()
        self._dispose()

    def invoke(
        self, event: Invocation, *, began: float, until: float, init_ms: float | None
    ) -> Outcome:
        """Serve one event. On a timeout, a crash or too large an answer the worker is gone.

        Args:
            event: The event.
            began: When the invocation began (monotonic clock).
            until: When it must have ended.
            init_ms: For the report, when this invocation began the worker.

        Raises:
            StaleWorkerError: It had died while it was idle; nothing was done.
        """
        connection = self._take_next(until)
        self._logs.begin()
        self.platform.start(event.request_id)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + until - time.monotonic()) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.spec.arn,
            "Lambda-Runtime-Trace-Id": _one_line(event.trace_id),
            "Content-Type": "application/json",
        }
        if event.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = _one_line(event.client_context)
        try:
            connection.answer(200, event.payload, headers)
        except OSError:
            # The process is gone, or does not read: either way it gives no answer.
            failure = exited(event.request_id, self.kill(keep_log=True))
            return self._fail(event, failure, began, init_ms)
        answer = self._await_answer(event, until)
        if isinstance(answer, Failure):
            return self._fail(event, answer, began, init_ms)
        duration_ms = (time.monotonic() - began) * 1000
        self._report(event, duration_ms, init_ms)
        return self._outcome(event, answer, duration_ms, init_ms)

    def needs_care(self) -> bool:
        """Tell whether an idle worker has printed something or ended."""
        poll = select.poll()
        poll.register(self._logs.read_fd, select.POLLIN)
        return bool(poll.poll(0))

    def tend(self) -> bool:
        """Hand on what an idle worker printed; tell whether it still runs."""
        self._logs.drain()
        if self._next is None:
            request = self._api.wait(0)
            if isinstance(request, Request):
                self._accept_next(request)
                return self.alive
        return self._api.wait(0) is not Wait.EXITED

    def kill(self, *, keep_log: bool = False, grace: float = 0.0) -> int | None:
        """End the process with its children and return its exit code (minus the signal).

        Args:
            keep_log: Whether lines are still to be written: `finish` then closes the log.
            grace: Seconds that it may take to end by itself.
        """
        if not self.alive:
            return self._api.exit_code
        self.alive = False
        if not self._until_exit(grace):
            self._around.supervisor.kill(self._id)
            self._until_exit(KILL_SECONDS)
        code = self._api.exit_code
        self._logs.drain()
        if not keep_log:
            self._dispose()
        return code

    def _await_init(self, until: float, request_id: str) -> Failure | None:
        while True:
            request = self._await(until)
            if isinstance(request, _Over):
                return self._ended(request, request_id)
            if request.path == "invocation/next":
                self._next = request.connection
                return None
            if request.path == "init/error":
                kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
                self._answer(request, 202, b'{"status":"OK"}')
                self.kill(keep_log=True, grace=0.5)
                return init_error(request.body, kind)
            self._refuse(request)

    def _await_answer(self, event: Invocation, until: float) -> _Answer | Failure:
        while True:
            request = self._await(until)
            if isinstance(request, _Over):
                return self._ended(request, event.request_id)
            answered, _, kind = request.path.rpartition("/")
            if answered != f"invocation/{event.request_id}" or kind not in ("response", "error"):
                self._refuse(request)
                continue
            if request.too_large:
                self._answer(request, 413, _TOO_LARGE_ANSWER)
                self.kill(keep_log=True, grace=0.5)
                return too_large()
            if self._over_memory(peak=True):
                return self._ended(_Over.MEMORY, event.request_id)
            self._answer(request, 202, b'{"status":"OK"}')
            return _Answer(request.body, None if kind == "response" else UNHANDLED)

    def _ended(self, why: _Over, request_id: str) -> Failure:
        code = self.kill(keep_log=True)
        if why is _Over.TIME:
            return timed_out(iso_now(), request_id, self.spec.timeout)
        return out_of_memory(request_id) if why is _Over.MEMORY else exited(request_id, code)

    def _fail(
        self, event: Invocation, failure: Failure, began: float, init_ms: float | None
    ) -> Outcome:
        """The outcome of a failure of the platform's; the process is gone by now."""
        if failure.line:
            self.platform.message(failure.line)
        duration_ms = (time.monotonic() - began) * 1000
        self._report(event, duration_ms, init_ms, failure.status, failure.error_type)
        answer = _Answer(failure.payload, UNHANDLED)
        outcome = self._outcome(event, answer, duration_ms, init_ms)
        self._dispose()
        return outcome

    def _report(
        self,
        event: Invocation,
        duration_ms: float,
        init_ms: float | None,
        status: str = "success",
        error_type: str = "",
    ) -> None:
        self._logs.drain()
        self.platform.report(
            event.request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            max_memory_mb=-(-self._max_bytes // MB),
            status=status,
            error_type=error_type,
            trace_id=event.trace_id,
        )
        self._logs.flush()

    def _outcome(
        self, event: Invocation, answer: _Answer, duration_ms: float, init_ms: float | None
    ) -> Outcome:
        return Outcome(
            payload=answer.payload,
            function_error=answer.error,
            log_tail=self._logs.tail,
            request_id=event.request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            max_memory_mb=-(-self._max_bytes // MB),
        )

    def _take_next(self, until: float) -> Connection:
        """The connection that waits for an event."""
        while self._next is None:
            request = self._await(until)
            if isinstance(request, _Over):
                self.kill()
                raise StaleWorkerError
            self._accept_next(request)
        connection, self._next = self._next, None
        if self._api.wait(0) is Wait.EXITED:
            self.kill()
            raise StaleWorkerError
        return connection

    def _accept_next(self, request: Request) -> None:
        if request.path == "invocation/next":
            self._next = request.connection
        else:
            self._refuse(request)

    def _await(self, until: float) -> Request | _Over:
        """The next request; meanwhile hand on the log and watch the memory."""
        self._tick = FIRST_TICK
        while True:
            remaining = until - time.monotonic()
            if remaining <= 0:
                return _Over.TIME
            tick = min(self._tick, remaining)
            began = time.monotonic()
            request = self._api.wait(tick)
            if isinstance(request, Request):
                return request
            if request is Wait.EXITED:
                return _Over.EXIT
            if time.monotonic() - began < tick / 2:
                continue
            read = self._logs.drain()
            before = self._max_bytes
            if self._over_memory():
                return _Over.MEMORY
            # Look again soon while it prints or grows, and ever more seldom while it waits.
            busy = read > 1 << 16 or self._max_bytes > before + 8 * MB
            self._tick = FIRST_TICK if busy else min(self._tick * 2, LAST_TICK)

    def _over_memory(self, *, peak: bool = False) -> bool:
        pid = self._api.pid
        if pid is not None:
            used = peak_bytes(pid) if peak else resident_bytes(pid)
            self._max_bytes = max(self._max_bytes, used)
        return self._max_bytes > self.spec.memory_mb * MB

    def _await_process(self) -> None:
        until = time.monotonic() + FORK_SECONDS
        while self._api.pid is None:
            if self._api.wait(0.5) is Wait.EXITED or time.monotonic() > until:
                self.kill()
                raise WorkerPoolError(f"{self.spec.name}: no worker process could be started")

    def _until_exit(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if self._api.wait(min(0.02, max(left, 0))) is Wait.EXITED:
                return True
            if left <= 0:
                return False
            # A process that is blocked on a full pipe could not end by itself.
            self._logs.drain()

    def _refuse(self, request: Request) -> None:
        known = request.path.startswith(("invocation/", "init/", "restore/"))
        kind = "InvalidRequestID" if known else "InvalidPath"
        self._answer(request, 400 if known else 404, b'{"errorType":"%s"}' % kind.encode())

    def _answer(self, request: Request, status: int, body: bytes) -> None:
        try:
            request.connection.answer(status, body, {"Content-Type": "application/json"})
        except OSError:
            # It died meanwhile: whoever waits for it next sees that.
            return

    def _dispose(self) -> None:
        self.alive = False
        self._logs.close()
        self._api.close()
        shutil.rmtree(self._temporary, ignore_errors=True)


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
