"""Who gets which worker: reuse first, then growth under the caps, then a fair queue."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers.supervisor import PoolClosedError, WorkerPoolError
from redress_local.lambda_service.workers.worker import Worker

PATIENCE_SECONDS: Final = 0.03
"""About a cold start: a worker that is busy may well be free before a new one would be."""
SATURATED_PATIENCE_SECONDS: Final = 3.0
"""When the processors have enough to do, more workers only make all of them slower."""


class PoolExhaustedError(WorkerPoolError):
    """No worker became free in time."""


class Function:
    """The workers of one configuration of one function.

    Attributes:
        idle: The most recently used last.
        count: Idle, busy and starting ones.
        seconds: How long its last invocation took.
        current: False once it has been configured anew.
    """

    def __init__(self, spec: FunctionSpec) -> None:
        self.spec = spec
        self.idle: list[Worker] = []
        self.count = 0
        self.seconds = 0.0
        self.current = True


class Grant(NamedTuple):
    """What an invocation may use: an idle worker, or the right to start one.

    Attributes:
        function: Whose worker it is.
        worker: None to start one, and then to tell `Slots.started`.
        retired: Workers of other functions that make room: the caller ends them first.
    """

    function: Function
    worker: Worker | None
    retired: list[Worker]


class _Ticket:
    def __init__(self, function: Function, patient_until: float) -> None:
        self.function = function
        self.patient_until = patient_until
        self.served = threading.Event()
        self.grant: Grant | None = None


class Slots:
    """The places of a pool's workers. Thread-safe; starts and ends no process itself.

    Args:
        per_function: At most so many workers of one function.
        total: At most so many in all.
        starting: At most so many that start at the same time.
        enough: With so many busy ones a function that has a worker is slow to get another.
        wait_seconds: How long an invocation may wait.
    """

    def __init__(
        self, *, per_function: int, total: int, starting: int, enough: int, wait_seconds: float
    ) -> None:
        self._per_function = per_function
        self._total = total
        self._max_starting = starting
        self._enough = enough
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._functions: dict[str, Function] = {}
        self._waiting: deque[_Ticket] = deque()
        self._count = 0
        self._starting = 0
        self._closed = False

    def acquire(self, spec: FunctionSpec) -> tuple[Grant, list[Worker]]:
        """Wait for a worker of `spec`, or for the right to start one.

        Returns:
            The grant, and idle workers of a former configuration, which the caller ends.

        Raises:
            PoolExhaustedError: Nothing became free in time.
            PoolClosedError: Closed.
        """
        until = time.monotonic() + self._wait_seconds
        with self._lock:
            self._check_open()
            function, stale = self._function(spec)
            now = time.monotonic()
            ticket = _Ticket(function, now + self._patience(function))
            self._waiting.append(ticket)
            self._dispatch()
            patience = ticket.patient_until - now
        if not ticket.served.wait(patience):
            with self._lock:
                self._dispatch()
            ticket.served.wait(max(0.0, until - time.monotonic()))
        with self._lock:
            # A grant is kept even when we were closed meanwhile: its worker must be ended.
            if ticket.grant is None:
                self._check_open()
                self._waiting.remove(ticket)
                raise PoolExhaustedError(
                    f"{spec.name}: no worker became free in {self._wait_seconds:.0f} seconds"
                )
            return ticket.grant, stale

    def started(self) -> None:
        """A worker has started, or failed to: another may start."""
        with self._lock:
            self._starting -= 1
            self._dispatch()

    def release(self, function: Function, worker: Worker | None, seconds: float) -> bool:
        """Give back a grant.

        Args:
            function: The grant's.
            worker: Its worker; None when none could be started.
            seconds: How long the invocation took.

        Returns:
            Whether the worker is kept; else the caller ends it.
        """
        with self._lock:
            function.seconds = seconds
            keep = worker is not None and worker.alive and function.current and not self._closed
            if keep and worker is not None:
                worker.last_used = time.monotonic()
                function.idle.append(worker)
            else:
                self._forget(function)
            self._dispatch()
            return keep

    def discard(self, name: str) -> list[Worker]:
        """Forget a function's workers; the caller ends the idle ones, busy ones go later."""
        with self._lock:
            function = self._functions.pop(name, None)
            return [] if function is None else self._make_stale(function)

    def take_idle(self, wanted: Callable[[Worker], bool]) -> list[tuple[Function, Worker]]:
        """Take idle workers out, to look after them; each must be released."""
        with self._lock:
            taken = [
                (function, worker)
                for function in self._functions.values()
                for worker in function.idle
                if wanted(worker)
            ]
            for function, worker in taken:
                function.idle.remove(worker)
            return taken

    def put_back(self, function: Function, worker: Worker) -> bool:
        """Give back what `take_idle` took, least recently used; False: the caller ends it."""
        with self._lock:
            keep = worker.alive and function.current and not self._closed
            if keep:
                function.idle.insert(0, worker)
            else:
                self._forget(function)
            self._dispatch()
            return keep

    def counts(self) -> dict[str, int]:
        """How many workers each function has."""
        with self._lock:
            return {name: one.count for name, one in self._functions.items() if one.count}

    def close(self) -> list[Worker]:
        """Refuse everything from now on; return the idle workers, which the caller ends."""
        with self._lock:
            self._closed = True
            for ticket in self._waiting:
                ticket.served.set()
            self._waiting.clear()
            idle = [one for function in self._functions.values() for one in function.idle]
            self._functions.clear()
            return idle

    def _patience(self, function: Function) -> float:
        """How long an invocation waits for a busy worker before it may start another."""
        if function.count == 0:
            return 0.0
        if self._count - sum(len(one.idle) for one in self._functions.values()) >= self._enough:
            return SATURATED_PATIENCE_SECONDS
        # Where invocations are short, waiting for one is quicker than a cold start.
        return PATIENCE_SECONDS if function.seconds < PATIENCE_SECONDS else 0.0

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosedError("the worker pool is closed")

    def _function(self, spec: FunctionSpec) -> tuple[Function, list[Worker]]:
        function = self._functions.get(spec.name)
        if function is not None and (function.spec is spec or function.spec == spec):
            return function, []
        stale = [] if function is None else self._make_stale(function)
        function = self._functions[spec.name] = Function(spec)
        return function, stale

    def _make_stale(self, function: Function) -> list[Worker]:
        function.current = False
        stale, function.idle = function.idle, []
        for _ in stale:
            self._forget(function)
        return stale

    def _forget(self, function: Function) -> None:
        function.count -= 1
        self._count -= 1

    def _dispatch(self) -> None:
        """Serve whom we can, in the order of their coming."""
        now = time.monotonic()
        for ticket in list(self._waiting):
            function = ticket.function
            if function.idle:
                ticket.grant = Grant(function, function.idle.pop(), [])
            elif now >= ticket.patient_until and (room := self._room(function)) is not None:
                function.count += 1
                self._count += 1
                self._starting += 1
                ticket.grant = Grant(function, None, room)
            else:
                continue
            self._waiting.remove(ticket)
            ticket.served.set()

    def _room(self, function: Function) -> list[Worker] | None:
        """The workers to end so that `function` may grow by one; None when it may not."""
        if function.count >= self._per_function or self._starting >= self._max_starting:
            return None
        if self._count < self._total:
            return []
        others = [
            (worker.last_used, position, one)
            for one in self._functions.values()
            for position, worker in enumerate(one.idle)
        ]
        if not others:
            return None
        _, position, other = min(others, key=lambda entry: entry[0])
        worker = other.idle.pop(position)
        self._forget(other)
        return [worker]
