"""The pool of warm workers: runs functions, keeps what idles in order, leaves nothing behind."""

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil

from redress_local.lambda_service.opt import merge_layers, runtime_layer
from redress_local.lambda_service.types import FunctionSpec, Outcome
from redress_local.lambda_service.workers.logs import OnLog
from redress_local.lambda_service.workers.process import Surroundings
from redress_local.lambda_service.workers.slots import Function, Slots
from redress_local.lambda_service.workers.supervisor import (
    PoolClosedError,
    Supervisor,
    WorkerPoolError,
)
from redress_local.lambda_service.workers.worker import (
    Invocation,
    StaleWorkerError,
    Worker,
)

INIT_SECONDS: Final = 10.0
"""What AWS gives the init phase; after that it is tried once more within the timeout."""
KEEP_SECONDS: Final = 1.0


class WorkerPool:
    """Runs Lambda functions in warm processes under awslambdaric. Thread-safe.

    One process serves one invocation at a time. When all workers of a function are busy, another
    is started; when the whole pool is full, the longest idle worker makes room, else invocations
    wait in the order of their coming. Processes are forked from a zygote (see `zygote`) on Linux.
    None of them outlives this process, however it ends.

    Args:
        endpoint_url: The gateway: AWS_ENDPOINT_URL of every function.
        folder: A folder for the pool's own use; made if need be. `close` removes what is in it.
        on_log: Called with a function, its log stream and new lines (joined by newlines), from
            the thread that invokes or from the pool's own; what it raises is dropped.
        max_workers_per_function: At most so many processes of one function.
        max_workers: At most so many in all; by default what half of the memory holds, 64 at most.
        idle_seconds: After so long without an invocation a worker is retired.
        init_seconds: The cap of the init phase.
        wait_seconds: How long an invocation may wait for a worker.

    Raises:
        LayerError: What the Lambda runtime holds is not installed here.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        folder: Path,
        on_log: OnLog,
        max_workers_per_function: int = 10,
        max_workers: int | None = None,
        idle_seconds: float = 300.0,
        init_seconds: float = INIT_SECONDS,
        wait_seconds: float = 300.0,
    ) -> None:
        self._folder = folder
        self._idle_seconds = idle_seconds
        self._init_seconds = init_seconds
        self._slots = Slots(
            per_function=max_workers_per_function,
            total=max_workers or _default_cap(),
            # More cold starts at once than processors would only slow each other down.
            starting=max(2, os.cpu_count() or 1),
            enough=4 * (os.cpu_count() or 1),
            wait_seconds=wait_seconds,
        )
        self._closed = threading.Event()
        self._opt_lock = threading.Lock()
        self._opt_folders: dict[tuple[Path, ...], Path] = {}
        workers_folder = folder / "workers"
        workers_folder.mkdir(parents=True, exist_ok=True)
        runtime_folder = runtime_layer(folder / "runtime")
        self._around = Surroundings(
            supervisor=Supervisor(folder, runtime_folder),
            runtime_folder=runtime_folder,
            folder=workers_folder,
            endpoint_url=endpoint_url,
            opt=self._opt,
            on_log=_shielded(on_log),
        )
        self._keeper = threading.Thread(target=self._keep, name="lambda-keeper", daemon=True)
        self._keeper.start()

    def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        """Run a function and wait for its outcome; a function that fails is an outcome too.

        Args:
            spec: The function as it is configured now; workers of another configuration of the
                same name are not used.
            payload: The event, JSON.
            client_context: JSON, or None.
            trace_id: The X-Ray header, made up if None.
            request_id: Made up if None.

        Raises:
            PoolExhaustedError: No worker became free in time.
            PoolClosedError: The pool was closed.
            WorkerPoolError: No process can be started.
            LayerError: A layer's folder cannot be read.
        """
        event = Invocation(
            request_id=request_id or str(uuid4()),
            payload=payload,
            client_context=client_context,
            trace_id=trace_id or _new_trace_id(),
        )
        while True:
            outcome = self._try(spec, event)
            if outcome is None:
                continue
            if outcome.function_error is not None and self._closed.is_set():
                raise PoolClosedError("the worker pool was closed during the invocation")
            return outcome

    def warm(self, specs: Iterable[FunctionSpec]) -> None:
        """Start one worker of each function in the background; one that fails is not kept."""
        todo = list(specs)

        def start() -> None:
            for spec in todo:
                try:
                    self._warm(spec)
                except PoolClosedError:
                    return
                except WorkerPoolError:
                    # The first invocation meets the same and tells its caller.
                    continue

        threading.Thread(target=start, name="lambda-warm", daemon=True).start()

    def discard(self, name: str) -> None:
        """End a function's workers, after a change of its code; busy ones when they are done."""
        for worker in self._slots.discard(name):
            worker.kill()

    def counts(self) -> dict[str, int]:
        """How many workers each function has now."""
        return self._slots.counts()

    def close(self) -> None:
        """End every process at once and remove what the pool made in its folder."""
        if self._closed.is_set():
            return
        self._closed.set()
        idle = self._slots.close()
        self._around.supervisor.close()
        for worker in idle:
            worker.kill()
        self._keeper.join(5.0)
        for name in ("workers", "runtime", "opt"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        (self._folder / "zygote.log").unlink(missing_ok=True)

    def _try(self, spec: FunctionSpec, event: Invocation) -> Outcome | None:
        """Invoke on whatever worker is granted; None when that had died while it was idle."""
        grant, stale = self._slots.acquire(spec)
        worker = grant.worker
        began = time.monotonic()
        try:
            for old in (*stale, *grant.retired):
                old.kill()
            if worker is not None:
                return worker.invoke(event, began=began, until=began + spec.timeout, init_ms=None)
            try:
                worker, outcome, began = self._begin(spec, event)
            finally:
                self._slots.started()
            if outcome is not None:
                return outcome
            began = time.monotonic()
            return worker.invoke(
                event, began=began, until=began + spec.timeout, init_ms=worker.init_ms
            )
        except StaleWorkerError:
            return None
        finally:
            self._give_back(grant.function, worker, time.monotonic() - began)

    def _begin(self, spec: FunctionSpec, event: Invocation) -> tuple[Worker, Outcome | None, float]:
        """Start a worker; an init that fails is tried once more within the invocation, as in AWS.

        Returns:
            The worker, the outcome if the second try failed, and when the invocation began.
        """
        worker = Worker(spec, self._around)
        failure = worker.initialise(self._init_seconds)
        if failure is None:
            return worker, None, time.monotonic()
        worker.abandon(failure)
        if self._closed.is_set():
            raise PoolClosedError("the worker pool is closed")
        worker = Worker(spec, self._around)
        began = time.monotonic()
        return worker, worker.begin_within(event, began=began, until=began + spec.timeout), began

    def _warm(self, spec: FunctionSpec) -> None:
        grant, stale = self._slots.acquire(spec)
        worker = grant.worker
        try:
            for old in (*stale, *grant.retired):
                old.kill()
            if worker is None:
                try:
                    worker = Worker(spec, self._around)
                    failure = worker.initialise(self._init_seconds)
                    if failure is not None:
                        worker.abandon(failure)
                finally:
                    self._slots.started()
        finally:
            self._give_back(grant.function, worker, 0.0)

    def _give_back(self, function: Function, worker: Worker | None, seconds: float) -> None:
        if not self._slots.release(function, worker, seconds) and worker is not None:
            worker.kill()

    def _opt(self, spec: FunctionSpec) -> Path:
        with self._opt_lock:
            found = self._opt_folders.get(spec.layers)
            if found is None:
                found = self._folder / "opt" / str(len(self._opt_folders))
                merge_layers(spec.layers, found)
                self._opt_folders[spec.layers] = found
            return found

    def _keep(self) -> None:
        """Hand on what idle workers print, notice those that died, retire the long idle."""
        while not self._closed.wait(KEEP_SECONDS):
            for function, worker in self._slots.take_idle(self._needs_care):
                if self._is_old(worker) or not worker.tend():
                    worker.kill()
                if not self._slots.put_back(function, worker):
                    worker.kill()

    def _needs_care(self, worker: Worker) -> bool:
        return self._is_old(worker) or worker.needs_care()

    def _is_old(self, worker: Worker) -> bool:
        return time.monotonic() - worker.last_used > self._idle_seconds


def _default_cap() -> int:
    """As many workers as half of the memory holds at 128 MB each, from 8 to 64."""
    memory: int = psutil.virtual_memory().total
    return max(8, min(64, memory // 2 // (128 * 1024 * 1024)))


def _shielded(on_log: OnLog) -> OnLog:
    def shielded(spec: FunctionSpec, stream: str, text: str) -> None:
        # The last resort: a log line that cannot be kept must not fail the invocation.
        with contextlib.suppress(Exception):
            on_log(spec, stream, text)

    return shielded


def _new_trace_id() -> str:
    return (
        f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};"
        f"Parent={secrets.token_hex(8)};Sampled=0"
    )
