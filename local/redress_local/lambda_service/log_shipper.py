"""Ships functions' log lines to CloudWatch Logs: in batches, in order, behind the invocations."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from redress_local.lambda_service.types import FunctionSpec

_log = logging.getLogger(__name__)

_EVENT_OVERHEAD = 26
_BATCH_BYTES = 1_048_576
_BATCH_EVENTS = 10_000
_EVENT_BYTES = 262_144 - _EVENT_OVERHEAD
_QUEUE_LINES = 100_000
_QUEUE_BYTES = 64 * 1024 * 1024
_LONGEST_INTERVAL = 2.0
_REST_TO_WORK = 19.0
_SHORTEST_RETRY = 0.2
_RETRIES = 5

Place = tuple[str, str]
"""A log group and a stream."""


class LogEvent(msgspec.Struct, frozen=True):
    """One line: milliseconds since the epoch, text, and its size in bytes."""

    timestamp: int
    message: str
    size: int


class LogShipper:
    """Takes lines from the worker pool and puts them into the functions' log groups.

    It never blocks an invocation: when lines come faster than they can be put, new ones are
    dropped and counted. Groups and streams are created when they are first used. When there is
    much to put, lines are gathered for longer, up to two seconds, so that putting them takes
    little from the functions.

    Args:
        client: Gives a boto3 logs client; called on first use.
        interval: Seconds that lines are gathered when there are few.
        queue_lines: Lines that may wait.
        queue_bytes: And their bytes.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        *,
        interval: float = 0.5,
        queue_lines: int = _QUEUE_LINES,
        queue_bytes: int = _QUEUE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._make_client = client
        self._client: Any = None
        self._interval = interval
        self._room = queue_lines
        self._room_bytes = queue_bytes
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Place, LogEvent]] = deque()
        self._bytes = 0
        self._busy = False
        self._hurry = False
        self._closed = False
        self._known: set[Place] = set()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def ship(self, spec: FunctionSpec, stream: str, lines: str) -> None:
        """Take lines of a function, joined by newlines; what the pool calls `on_log`."""
        self.ship_to(spec.log_group or f"/aws/lambda/{spec.name}", stream, lines)

    def ship_to(self, group: str, stream: str, lines: str) -> None:
        """Take lines for a log group that is no function's."""
        now = int(self._clock() * 1000)
        with self._changed:
            for line in lines.split("\n"):
                if line:
                    self._take((group, stream), line, now)
            if self._thread is None and self._waiting and not self._closed:
                self._thread = threading.Thread(target=self._run, name="log-shipper", daemon=True)
                self._thread.start()

    def _take(self, place: Place, line: str, now: int) -> None:
        encoded = line.encode("utf-8", "replace")
        if len(encoded) > _EVENT_BYTES:
            encoded = encoded[:_EVENT_BYTES]
        size = len(encoded) + _EVENT_OVERHEAD
        full = len(self._waiting) >= self._room or self._bytes + size > self._room_bytes
        if full or self._closed:
            self.dropped += 1
            return
        self._waiting.append((place, LogEvent(now, encoded.decode("utf-8", "ignore"), size)))
        self._bytes += size
        if len(self._waiting) == 1 or len(self._waiting) == _BATCH_EVENTS:
            self._changed.notify_all()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until what was taken so far has been put; False after `timeout` seconds."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)
            finally:
                self._hurry = False

    def close(self, timeout: float = 2.0) -> None:
        """Put what waits, for `timeout` seconds at most, and stop."""
        self.flush(timeout)
        with self._changed:
            self._closed = True
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        if self.dropped:
            _log.warning("log lines were dropped: %d", self.dropped)

    def _run(self) -> None:
        interval = self._interval
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                # Lines that come together are put together.
                self._changed.wait_for(
                    lambda: self._closed or self._hurry or len(self._waiting) >= _BATCH_EVENTS,
                    interval,
                )
                if self._closed and not self._waiting:
                    return
                taken = list(self._waiting)
                self._waiting.clear()
                self._bytes = 0
                self._busy = True
            began = time.thread_time()
            by_place: dict[Place, list[LogEvent]] = {}
            for place, event in taken:
                by_place.setdefault(place, []).append(event)
            for place, events in by_place.items():
                for batch in _batches(events):
                    if not self._put(place, batch):
                        with self._changed:
                            self.dropped += len(batch)
            rest = min(_LONGEST_INTERVAL, _REST_TO_WORK * (time.thread_time() - began))
            interval = max(self._interval, rest)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _put(self, place: Place, batch: list[LogEvent]) -> bool:
        """Put a batch, trying again for a while; whether it was put."""
        group, stream = place
        for attempt in range(_RETRIES):
            try:
                if self._client is None:
                    self._client = self._make_client()
                self._ensure(place)
                self._client.put_log_events(
                    logGroupName=group,
                    logStreamName=stream,
                    logEvents=[
                        {"timestamp": event.timestamp, "message": event.message} for event in batch
                    ],
                )
                return True
            except Exception as error:  # noqa: BLE001
                # The thread outlives whatever the service answers: lines are lost, not functions.
                self._known.discard(place)
                _log.debug("lines of %s were not put: %s", stream, error)
                with self._changed:
                    wait = _SHORTEST_RETRY * 2**attempt
                    if self._changed.wait_for(lambda: self._closed, wait):
                        return False
        _log.warning("log lines of %s were lost: %d", group, len(batch))
        return False

    def _ensure(self, place: Place) -> None:
        if place in self._known:
            return
        group, stream = place
        exists = self._client.exceptions.ResourceAlreadyExistsException
        if not any(known == group for known, _ in self._known):
            with contextlib.suppress(exists):
                self._client.create_log_group(logGroupName=group)
        with contextlib.suppress(exists):
            self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._known.add(place)


def _batches(events: list[LogEvent]) -> list[list[LogEvent]]:
    """Split what goes to one stream by the limits of PutLogEvents, in order of time."""
    batches: list[list[LogEvent]] = [[]]
    size = 0
    for event in sorted(events, key=lambda event: event.timestamp):
        if batches[-1] and (size + event.size > _BATCH_BYTES or len(batches[-1]) >= _BATCH_EVENTS):
            batches.append([])
            size = 0
        batches[-1].append(event)
        size += event.size
    return batches
