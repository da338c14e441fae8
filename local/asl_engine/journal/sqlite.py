"""A journal in a SQLite file: write-ahead log, one transaction per batch."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

try:
    import fcntl
except ImportError:  # Windows has no flock; there one process at a time is up to the caller.
    fcntl = None  # type: ignore[assignment]

from asl_engine.errors import AslEngineError, ExecutionExistsError
from asl_engine.journal.records import Event, ExecutionRecord

_VERSION = 2
_SCHEMA = """
create table definitions (key text primary key, definition blob not null) without rowid;
create table executions (
    key integer primary key, arn text not null unique, name text not null, machine text not null,
    definition text not null, status text not null, input blob not null, started_at real not null,
    parent text not null, output blob, error text, cause text, stopped_at real,
    redrive_count integer not null, version text not null default '',
    alias text not null default '', trace_header text not null default '', redriven_at real
);
create index executions_running on executions (key) where status = 'RUNNING';
create index executions_machine on executions (machine, key);
create table batches (
    execution integer not null, sequence integer not null, events blob not null,
    primary key (execution, sequence)
) without rowid;
create table resources (name text primary key, content blob not null) without rowid;
"""
_FROM_VERSION_1 = """
alter table executions add column version text not null default '';
alter table executions add column alias text not null default '';
alter table executions add column trace_header text not null default '';
alter table executions add column redriven_at real;
create table resources (name text primary key, content blob not null) without rowid;
"""
_COLUMNS = ExecutionRecord.__struct_fields__
_SELECT = f"select {', '.join(_COLUMNS)} from executions"  # noqa: S608 - constants only
_INSERT = (
    f"insert into executions ({', '.join(_COLUMNS[1:])})"  # noqa: S608 - constants only
    f" values ({', '.join('?' * len(_COLUMNS[1:]))})"
)
_UPDATE = (
    "update executions set status = ?, output = ?, error = ?, cause = ?, stopped_at = ?,"
    " redrive_count = ?, redriven_at = ? where key = ?"
)
_BATCH = "insert into batches values (?, ?, ?)"
_BATCHES = (
    "select sequence, events from batches where execution = ? and sequence >= ?"
    " order by sequence limit ?"
)
_ROWS = 100


class JournalError(AslEngineError):
    """The file is not a journal, or another version wrote it."""


class SqliteJournal:
    """Keeps executions in one SQLite file.

    A commit survives the death of the process. It survives a power cut when it was written with
    a barrier, or once SQLite has checkpointed (`synchronous=NORMAL`).

    Args:
        path: The file; made if missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.on_commit: Callable[[int], None] | None = None
        self._lock = threading.RLock()
        self._commits = 0
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(list[Event]).decode
        self._wal: int | None = None
        self._saved: set[str] = set()
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise JournalError(f"{path}: not a journal: {error}") from None
        # Held shared as long as the journal is open; the kernel lets go of it with the process.
        self._presence = os.open(f"{self.path}-lock", os.O_RDWR | os.O_CREAT, 0o644)
        if fcntl is not None:
            fcntl.flock(self._presence, fcntl.LOCK_SH)

    def _open(self) -> None:
        self._db.execute("pragma busy_timeout = 5000")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version in (0, 1):
            change = _SCHEMA if version == 0 else _FROM_VERSION_1
            self._db.executescript(
                f"begin immediate; {change} pragma user_version = {_VERSION}; commit;"
            )
        elif version != _VERSION:
            self._db.close()
            raise JournalError(
                f"{self.path}: journal version {version}, this engine reads {_VERSION}"
            )

    def claim(self) -> bool:
        """Whether no other process, and no other journal of this one, has the file open."""
        if fcntl is None:
            return True
        with self._lock:
            try:
                fcntl.flock(self._presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                alone = False
            else:
                alone = True
            # A failed upgrade may have given up the shared lock.
            fcntl.flock(self._presence, fcntl.LOCK_SH)
            return alone

    def save_definition(self, key: str, definition: bytes) -> None:
        """Keep a definition."""
        with self._lock:
            if key not in self._saved:
                self._db.execute(
                    "insert or ignore into definitions values (?, ?)", (key, definition)
                )
                self._saved.add(key)

    def definition(self, key: str) -> bytes | None:
        """The definition kept under a key."""
        with self._lock:
            row = self._db.execute(
                "select definition from definitions where key = ?", (key,)
            ).fetchone()
        return None if row is None else row[0]

    def commit(
        self,
        record: ExecutionRecord,
        sequence: int,
        events: Sequence[Event],
        *,
        insert: bool = False,
        update: bool = False,
        barrier: bool = False,
    ) -> None:
        """Write one batch of events in one transaction."""
        data = self._encode(events)
        with self._lock:
            execute = self._db.execute
            if insert or update:
                execute("begin immediate")
                try:
                    if insert:
                        self._insert(record)
                    else:
                        execute(_UPDATE, _changes(record))
                    execute(_BATCH, (record.key, sequence, data))
                    execute("commit")
                except BaseException:
                    execute("rollback")
                    raise
            else:
                execute(_BATCH, (record.key, sequence, data))
            if barrier:
                self._sync()
            self._commits += 1
            commits = self._commits
        if self.on_commit is not None:
            self.on_commit(commits)

    def _insert(self, record: ExecutionRecord) -> None:
        try:
            cursor = self._db.execute(_INSERT, msgspec.structs.astuple(record)[1:])
        except sqlite3.IntegrityError:
            raise ExecutionExistsError(f"an execution {record.arn} exists already") from None
        assert cursor.lastrowid is not None
        record.key = cursor.lastrowid

    def _sync(self) -> None:
        # SQLite syncs the log only at checkpoints under synchronous=NORMAL; the log's own
        # descriptor makes one batch durable without paying for it on every commit.
        if self._wal is None:
            self._wal = os.open(f"{self.path}-wal", os.O_RDWR)
        os.fsync(self._wal)

    def record(self, arn: str) -> ExecutionRecord | None:
        """An execution by its ARN."""
        with self._lock:
            row = self._db.execute(f"{_SELECT} where arn = ?", (arn,)).fetchone()
        return None if row is None else _record(row)

    def records(
        self,
        *,
        machine: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[ExecutionRecord]:
        """Executions, the latest first; with `before`, only those of smaller keys."""
        wanted = {"machine = ?": machine, "status = ?": status, "key < ?": before}
        filters = {test: value for test, value in wanted.items() if value is not None}
        where = " and ".join(filters)
        query = f"{_SELECT}{' where ' + where if where else ''} order by key desc limit ?"
        with self._lock:
            rows = self._db.execute(
                query, (*filters.values(), -1 if limit is None else limit)
            ).fetchall()
        return [_record(row) for row in rows]

    def batches(self, key: int, since: int = 0) -> Iterator[tuple[int, list[Event]]]:
        """The batches of an execution from a number on, in order, read some at a time."""
        while True:
            with self._lock:
                rows = self._db.execute(_BATCHES, (key, since, _ROWS)).fetchall()
            for sequence, data in rows:
                yield sequence, self._decode(data)
            if len(rows) < _ROWS:
                return
            since = rows[-1][0] + 1

    def save_resource(self, name: str, content: bytes | None) -> None:
        """Keep what the host wants kept under a name; None removes it."""
        with self._lock:
            if content is None:
                self._db.execute("delete from resources where name = ?", (name,))
            else:
                self._db.execute("insert or replace into resources values (?, ?)", (name, content))

    def resources(self) -> dict[str, bytes]:
        """What is kept by `save_resource`."""
        with self._lock:
            return dict(self._db.execute("select name, content from resources").fetchall())

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._wal is not None:
                os.close(self._wal)
                self._wal = None
            self._db.close()
            if self._presence >= 0:
                os.close(self._presence)
                self._presence = -1


def _changes(record: ExecutionRecord) -> tuple[Any, ...]:
    return (
        record.status,
        record.output,
        record.error,
        record.cause,
        record.stopped_at,
        record.redrive_count,
        record.redriven_at,
        record.key,
    )


def _record(row: tuple[Any, ...]) -> ExecutionRecord:
    return ExecutionRecord(**dict(zip(_COLUMNS, row, strict=True)))
