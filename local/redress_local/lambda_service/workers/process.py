"""A worker's process: started, waited on, watched and ended."""

import os
import select
import shutil
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers.environment import (
    log_stream_name,
    module_path,
    needs_own_interpreter,
    worker_environment,
)
from redress_local.lambda_service.workers.logs import LogPipe, OnLog
from redress_local.lambda_service.workers.memory import MB, peak_bytes, resident_bytes
from redress_local.lambda_service.workers.runtime_api import Request, RuntimeApi, Wait
from redress_local.lambda_service.workers.supervisor import Supervisor, WorkerPoolError

FORK_SECONDS: Final = 30.0
KILL_SECONDS: Final = 5.0
FIRST_TICK: Final = 0.02
LAST_TICK: Final = 0.2


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


class Over(Enum):
    """Why no more requests come from a worker."""

    TIME = 1
    MEMORY = 2
    EXIT = 3


class WorkerProcess:
    """A process, its log and its Runtime API. Not thread-safe: one thread has it at a time.

    Raises:
        LayerError: A layer's folder cannot be read.
        WorkerPoolError: No process can be started.
    """

    def __init__(self, spec: FunctionSpec, around: Surroundings) -> None:
        self.spec = spec
        self.alive = True
        self._around = around
        self._id = uuid4().hex
        opt = around.opt(spec)
        self.max_bytes = 0
        self._temporary = around.folder / self._id
        self._temporary.mkdir()
        stream = log_stream_name(spec)
        self.logs = LogPipe(spec, stream, around.on_log)
        life_read, life_write = os.pipe()
        self._api = RuntimeApi(life_read)
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
            around.supervisor.start(order, self.logs.write_fd, life_write)
        except WorkerPoolError:
            os.close(life_write)
            self.dispose()
            raise
        os.close(life_write)
        self.logs.started()

    def needs_care(self) -> bool:
        """Tell whether an idle worker has printed something or ended."""
        poll = select.poll()
        poll.register(self.logs.read_fd, select.POLLIN)
        return bool(poll.poll(0))

    def has_ended(self) -> bool:
        """Tell whether an idle worker's process is gone."""
        return self._api.wait(0) is Wait.EXITED

    def await_start(self) -> None:
        """Wait until the process exists.

        Raises:
            WorkerPoolError: The zygote started none.
        """
        until = time.monotonic() + FORK_SECONDS
        while self._api.pid is None:
            if self._api.wait(0.5) is Wait.EXITED or time.monotonic() > until:
                self.kill()
                raise WorkerPoolError(f"{self.spec.name}: no worker process could be started")

    def next_request(self, until: float) -> Request | Over:
        """The next request; meanwhile hand on the log and watch the memory."""
        pause = FIRST_TICK
        while True:
            began = time.monotonic()
            remaining = until - began
            if remaining <= 0:
                return Over.TIME
            tick = min(pause, remaining)
            request = self._api.wait(tick)
            if isinstance(request, Request):
                return request
            if request is Wait.EXITED:
                return Over.EXIT
            if time.monotonic() - began < tick / 2:
                continue
            read = self.logs.drain()
            before = self.max_bytes
            if self.over_memory():
                return Over.MEMORY
            # Look again soon while it prints or grows, and ever more seldom while it waits.
            busy = read > 1 << 16 or self.max_bytes > before + 8 * MB
            pause = FIRST_TICK if busy else min(pause * 2, LAST_TICK)

    def over_memory(self, *, peak: bool = False) -> bool:
        """Measure, the process's own peak or all that it holds now, and tell if it is too much."""
        pid = self._api.pid
        if pid is not None:
            used = peak_bytes(pid) if peak else resident_bytes(pid)
            self.max_bytes = max(self.max_bytes, used)
        return self.max_bytes > self.spec.memory_mb * MB

    def kill(self, *, keep_log: bool = False, grace: float = 0.0) -> int | None:
        """End the process with its children and return its exit code (minus the signal).

        Args:
            keep_log: Whether lines are still to be written: the caller then calls `dispose`.
            grace: Seconds that it may take to end by itself.
        """
        if not self.alive:
            return self._api.exit_code
        self.alive = False
        if not self._until_exit(grace):
            self._around.supervisor.kill(self._id)
            self._until_exit(KILL_SECONDS)
        code = self._api.exit_code
        self.logs.drain()
        if not keep_log:
            self.dispose()
        return code

    def dispose(self) -> None:
        """Let go of what is left of a process that has ended."""
        self.alive = False
        self.logs.close()
        self._api.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _until_exit(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if self._api.wait(min(0.02, max(left, 0))) is Wait.EXITED:
                return True
            if left <= 0:
                return False
            # A process that is blocked on a full pipe could not end by itself.
            self.logs.drain()
