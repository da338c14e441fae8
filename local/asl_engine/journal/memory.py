"""A journal that lives as long as the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from asl_engine.errors import ExecutionExistsError
from asl_engine.journal.records import Event, ExecutionRecord


class MemoryJournal:
    """Keeps everything in memory; an engine opened on it again resumes as from a file."""

    def __init__(self) -> None:
        self.on_commit: Callable[[int], None] | None = None
        self._lock = threading.Lock()
        self._commits = 0
        self._definitions: dict[str, bytes] = {}
        self._records: dict[str, ExecutionRecord] = {}
        self._resources: dict[str, bytes] = {}
        self._batches: dict[int, list[tuple[int, list[Event]]]] = {}

    def claim(self) -> bool:
        """Whether nobody else has the journal open: always, as far as this process can tell."""
        return True

    def save_definition(self, key: str, definition: bytes) -> None:
        """Keep a definition."""
        self._definitions[key] = definition

    def definition(self, key: str) -> bytes | None:
        """The definition kept under a key."""
        return self._definitions.get(key)

    def commit(
        self,
        record: ExecutionRecord,
        sequence: int,
        events: Sequence[Event],
        *,
        insert: bool = False,
        update: bool = False,
        barrier: bool = False,  # noqa: ARG002 - there is no disk to reach
    ) -> None:
        """Write one batch of events in one transaction."""
        with self._lock:
            if insert:
                if record.arn in self._records:
                    raise ExecutionExistsError(f"an execution {record.arn} exists already")
                record.key = len(self._records) + 1
            if insert or update:
                # A copy, since the engine goes on changing its own.
                self._records[record.arn] = msgspec.structs.replace(record)
            self._batches.setdefault(record.key, []).append((sequence, list(events)))
            self._commits += 1
            commits = self._commits
        if self.on_commit is not None:
            self.on_commit(commits)

    def record(self, arn: str) -> ExecutionRecord | None:
        """An execution by its ARN."""
        with self._lock:
            found = self._records.get(arn)
            return None if found is None else msgspec.structs.replace(found)

    def records(
        self,
        *,
        machine: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[ExecutionRecord]:
        """Executions, the latest first; with `before`, only those of smaller keys."""
        with self._lock:
            found = [
                msgspec.structs.replace(record)
                for record in self._records.values()
                if (machine is None or record.machine == machine)
                and (status is None or record.status == status)
                and (before is None or record.key < before)
            ]
        found.sort(key=lambda record: -record.key)
        return found[:limit]

    def batches(self, key: int, since: int = 0) -> Iterator[tuple[int, list[Event]]]:
        """The batches of an execution from a number on, in order."""
        with self._lock:
            # They are numbered without gaps.
            found = self._batches.get(key, [])[since:]
        return iter(found)

    def save_resource(self, name: str, content: bytes | None) -> None:
        """Keep what the host wants kept under a name; None removes it."""
        with self._lock:
            if content is None:
                self._resources.pop(name, None)
            else:
                self._resources[name] = content

    def resources(self) -> dict[str, bytes]:
        """What is kept by `save_resource`."""
        with self._lock:
            return dict(self._resources)

    def close(self) -> None:
        """Nothing to release."""
