"""What a worker prints: read from its pipe in batches, with the platform's own lines around it."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from redress_local.lambda_service.types import FunctionSpec

TAIL: Final = 4096
MAX_LINE: Final = 256 * 1024
"""CloudWatch Logs' largest event, in bytes; a longer line is cut into several."""
CHUNK: Final = 1 << 16
PIPE_SIZE: Final = 1 << 18
_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}

OnLog = Callable[[FunctionSpec, str, str], None]


class LogPipe:
    """The pipe that is a worker's stdout and stderr, and the log stream that it feeds.

    Lines are handed on in batches, at most about 320 KB at once; the pipe holds what is not read
    yet, so that a flood slows the worker down and takes no memory here. Not thread-safe: it
    belongs to whoever has the worker.

    Args:
        spec: The function.
        stream: The log stream's name.
        on_log: Called with the function, the stream and whole lines, joined by newlines.
    """

    def __init__(self, spec: FunctionSpec, stream: str, on_log: OnLog) -> None:
        self._spec = spec
        self._stream = stream
        self._on_log = on_log
        self._rest = b""
        self._lines: list[bytes] = []
        self._tail = b""
        self.read_fd, self.write_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        if sys.platform == "linux":
            import fcntl

            # Over the user's limit the default size does, in more reads.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.read_fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def started(self) -> None:
        """Drop the write end: the worker has it."""
        os.close(self.write_fd)
        self.write_fd = -1

    def write(self, line: str) -> None:
        """Add a line of the platform's, after all that the worker has printed so far."""
        if self._rest:
            self._take(b"\n")
        self._take(line.encode() + b"\n")

    def drain(self, limit: int = 4 * CHUNK) -> int:
        """Read what the worker has printed, at most `limit` bytes, and hand on whole lines.

        Returns:
            How many bytes there were.
        """
        total = 0
        while total < limit:
            try:
                data = os.read(self.read_fd, CHUNK)
            except BlockingIOError:
                break
            if not data:
                break
            total += len(data)
            self._take(data)
        self.flush()
        return total

    def flush(self) -> None:
        """Hand on the whole lines so far."""
        if self._lines:
            text = b"".join(self._lines)[:-1]
            self._lines.clear()
            # awslambdaric joins the lines of one error by carriage returns where it has no frames.
            self._on_log(
                self._spec, self._stream, text.decode(errors="replace").replace("\r", "\n")
            )

    def begin(self) -> None:
        """Start a new invocation's tail."""
        self._tail = b""

    @property
    def tail(self) -> bytes:
        """The last 4 KB since `begin`."""
        return self._tail[-TAIL:]

    def close(self) -> None:
        """Read what is left, hand it on with its unfinished line, and close."""
        # Nothing writes any more, but a process that escaped might: so this is bounded.
        self.drain(PIPE_SIZE + CHUNK)
        if self._rest:
            self._take(b"\n")
            self.flush()
        os.close(self.read_fd)
        if self.write_fd >= 0:
            os.close(self.write_fd)

    def _take(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-TAIL:] if len(data) < TAIL else data[-TAIL:]
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            self._lines.append(self._rest + whole + b"\n")
            self._rest = rest
        else:
            self._rest += rest
        while len(self._rest) > MAX_LINE:
            self._lines.append(self._rest[:MAX_LINE] + b"\n")
            self._rest = self._rest[MAX_LINE:]


class PlatformLog:
    """AWS's own lines (START, END, REPORT), as text or as JSON records by the system log level."""

    def __init__(self, spec: FunctionSpec, pipe: LogPipe) -> None:
        self._spec = spec
        self._pipe = pipe
        self._json = spec.log_format.upper() == "JSON"
        self._lowest = _LEVELS.get((spec.system_log_level or "INFO").upper(), 1)

    def init_start(self) -> None:
        """An environment begins."""
        version = f"{self._spec.runtime.replace('python', 'python:')}.local"
        if self._json:
            record = {
                "initializationType": "on-demand",
                "phase": "init",
                "runtimeVersion": version,
                "functionName": self._spec.name,
                "functionVersion": "$LATEST",
            }
            self._record("platform.initStart", record, "INFO")
        else:
            self._pipe.write(f"INIT_START Runtime Version: {version}")

    def init_failed(self, duration_ms: float, status: str, error_type: str) -> None:
        """An environment could not begin; the next line is its second try.

        Args:
            duration_ms: How long it tried.
            status: `error` or `timeout`.
            error_type: As it will be reported.
        """
        if self._json:
            record = {
                "initializationType": "on-demand",
                "phase": "init",
                "status": status,
                "errorType": error_type,
                "metrics": {"durationMs": round(duration_ms, 3)},
            }
            self._record("platform.initReport", record, "WARN")
        else:
            self._pipe.write(
                f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: init\t"
                f"Status: {status}\tError Type: {error_type}"
            )

    def start(self, request_id: str) -> None:
        """An invocation begins."""
        if self._json:
            record = {"requestId": request_id, "functionArn": self._spec.arn, "version": "$LATEST"}
            self._record("platform.start", record, "INFO")
        else:
            self._pipe.write(f"START RequestId: {request_id} Version: $LATEST")

    def message(self, text: str) -> None:
        """A line of the platform's about a failure; in JSON the report's record tells it."""
        if not self._json:
            self._pipe.write(text)

    def report(
        self,
        request_id: str,
        *,
        duration_ms: float,
        init_ms: float | None,
        max_memory_mb: int,
        status: str,
        error_type: str,
        trace_id: str,
    ) -> None:
        """An invocation has ended.

        Args:
            request_id: Its id.
            duration_ms: Time in the handler.
            init_ms: Time of the init phase, where there was one.
            max_memory_mb: The peak so far.
            status: `success`, `error` (the platform's: a crash) or `timeout`.
            error_type: Of a status that is not success.
            trace_id: The X-Ray header.
        """
        billed = -int(-(duration_ms + (init_ms or 0.0)) // 1)
        if self._json:
            level = "INFO" if status == "success" else "WARN"
            metrics: dict[str, Any] = {
                "durationMs": round(duration_ms, 3),
                "billedDurationMs": billed,
                "memorySizeMB": self._spec.memory_mb,
                "maxMemoryUsedMB": max_memory_mb,
            }
            if init_ms is not None:
                metrics["initDurationMs"] = round(init_ms, 3)
            record: dict[str, Any] = {"requestId": request_id, "metrics": metrics, "status": status}
            if error_type:
                record["errorType"] = error_type
            if trace_id:
                record["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_id}
            self._record("platform.report", record, level)
            return
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {billed} ms",
            f"Memory Size: {self._spec.memory_mb} MB",
            f"Max Memory Used: {max_memory_mb} MB",
        ]
        if init_ms is not None:
            parts.append(f"Init Duration: {init_ms:.2f} ms")
        if status != "success":
            parts.append(f"Status: {status}")
        if error_type:
            parts.append(f"Error Type: {error_type}")
        self._pipe.write(f"END RequestId: {request_id}")
        self._pipe.write("\t".join(parts) + "\t")

    def _record(self, kind: str, record: Mapping[str, object], level: str) -> None:
        if _LEVELS[level] >= self._lowest:
            line = {"time": iso_now(), "type": kind, "record": record}
            self._pipe.write(json.dumps(line, separators=(",", ":")))


def iso_now() -> str:
    """The time, UTC, in milliseconds, as the platform writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
