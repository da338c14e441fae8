"""One worker: a process under awslambdaric that serves one invocation at a time."""

import time
from typing import Final, NamedTuple

from redress_local.lambda_service.types import FunctionSpec, Outcome
from redress_local.lambda_service.workers.failures import (
    UNHANDLED,
    Failure,
    exited,
    init_error,
    out_of_memory,
    timed_out,
    too_large,
)
from redress_local.lambda_service.workers.logs import PlatformLog, iso_now
from redress_local.lambda_service.workers.memory import MB
from redress_local.lambda_service.workers.process import Over, Surroundings, WorkerProcess
from redress_local.lambda_service.workers.runtime_api import Connection, Request

_TOO_LARGE_ANSWER: Final = (
    b'{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
    b'"errorType":"RequestEntityTooLarge"}'
)


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


class Worker:
    """A worker process. Not thread-safe: one thread has it at a time.

    Raises:
        LayerError: A layer's folder cannot be read.
        WorkerPoolError: No process can be started.
    """

    def __init__(self, spec: FunctionSpec, around: Surroundings) -> None:
        self.spec = spec
        self.last_used = time.monotonic()
        self.init_ms = 0.0
        self._next: Connection | None = None
        self._process = WorkerProcess(spec, around)
        self._logs = self._process.logs
        self._platform = PlatformLog(spec, self._logs)

    @property
    def alive(self) -> bool:
        """Whether the process may still be used."""
        return self._process.alive

    def initialise(self, seconds: float, request_id: str = "") -> Failure | None:
        """Wait until the function's module is loaded; on failure the process is gone.

        Raises:
            WorkerPoolError: The zygote started no process.
        """
        self._process.await_start()
        began = time.monotonic()
        self._platform.init_start()
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
        self._platform.start(event.request_id)
        return self._fail(event, failure, began, None)

    def abandon(self, failure: Failure) -> None:
        """Report an init that failed, and let go of what is left of the worker."""
        self._platform.init_failed(self.init_ms, failure.status, failure.error_type)
        self._logs.flush()
        self._process.dispose()

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
        self._platform.start(event.request_id)
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
            failure = exited(event.request_id, self._process.kill(keep_log=True))
            return self._fail(event, failure, began, init_ms)
        answer = self._await_answer(event, until)
        if isinstance(answer, Failure):
            return self._fail(event, answer, began, init_ms)
        duration_ms = (time.monotonic() - began) * 1000
        self._report(event, duration_ms, init_ms)
        return self._outcome(event, answer, duration_ms, init_ms)

    def needs_care(self) -> bool:
        """Tell whether an idle worker has printed something or ended."""
        return self._process.needs_care()

    def tend(self) -> bool:
        """Hand on what an idle worker printed; tell whether it still runs."""
        self._logs.drain()
        if self._next is not None:
            return not self._process.has_ended()
        request = self._process.next_request(time.monotonic() + 0.002)
        if isinstance(request, Request):
            self._accept_next(request)
        return request not in (Over.EXIT, Over.MEMORY)

    def kill(self) -> None:
        """End the process, with its children, and let go of everything."""
        self._process.kill()

    def _await_init(self, until: float, request_id: str) -> Failure | None:
        while True:
            request = self._process.next_request(until)
            if isinstance(request, Over):
                return self._ended(request, request_id)
            if request.path == "invocation/next":
                self._next = request.connection
                return None
            if request.path == "init/error":
                kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
                self._answer(request, 202, b'{"status":"OK"}')
                self._process.kill(keep_log=True, grace=0.5)
                return init_error(request.body, kind)
            self._refuse(request)

    def _await_answer(self, event: Invocation, until: float) -> _Answer | Failure:
        while True:
            request = self._process.next_request(until)
            if isinstance(request, Over):
                return self._ended(request, event.request_id)
            answered, _, kind = request.path.rpartition("/")
            if answered != f"invocation/{event.request_id}" or kind not in ("response", "error"):
                self._refuse(request)
                continue
            if request.too_large:
                self._answer(request, 413, _TOO_LARGE_ANSWER)
                self._process.kill(keep_log=True, grace=0.5)
                return too_large()
            if self._process.over_memory(peak=True):
                return self._ended(Over.MEMORY, event.request_id)
            self._answer(request, 202, b'{"status":"OK"}')
            return _Answer(request.body, None if kind == "response" else UNHANDLED)

    def _ended(self, why: Over, request_id: str) -> Failure:
        code = self._process.kill(keep_log=True)
        if why is Over.TIME:
            return timed_out(iso_now(), request_id, self.spec.timeout)
        return out_of_memory(request_id) if why is Over.MEMORY else exited(request_id, code)

    def _fail(
        self, event: Invocation, failure: Failure, began: float, init_ms: float | None
    ) -> Outcome:
        """The outcome of a failure of the platform's; the process is gone by now."""
        if failure.line:
            self._platform.message(failure.line)
        duration_ms = (time.monotonic() - began) * 1000
        self._report(event, duration_ms, init_ms, failure.status, failure.error_type)
        answer = _Answer(failure.payload, UNHANDLED)
        outcome = self._outcome(event, answer, duration_ms, init_ms)
        self._process.dispose()
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
        self._platform.report(
            event.request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            max_memory_mb=-(-self._process.max_bytes // MB),
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
            max_memory_mb=-(-self._process.max_bytes // MB),
        )

    def _take_next(self, until: float) -> Connection:
        """The connection that waits for an event."""
        while self._next is None:
            request = self._process.next_request(until)
            if isinstance(request, Over):
                self.kill()
                raise StaleWorkerError
            self._accept_next(request)
        connection, self._next = self._next, None
        if self._process.has_ended():
            self.kill()
            raise StaleWorkerError
        return connection

    def _accept_next(self, request: Request) -> None:
        if request.path == "invocation/next":
            self._next = request.connection
        else:
            self._refuse(request)

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


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
