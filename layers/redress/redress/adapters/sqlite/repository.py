"""Repositories in one SQLite file, shared by threads and processes."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from redress.adapters.limits import check_writes, conflict
from redress.errors import DependencyUnavailableError, InvalidInputError
from redress.ports import Record, Write

BUSY_TIMEOUT_SECONDS = 10.0
"""How long to wait for a writer in another process."""

Durability = Literal["FULL", "NORMAL"]

_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class SqliteStore:
    """One SQLite file in WAL mode with a table for each repository.

    Threads share one connection behind a lock; processes open the file on their own and wait for
    each other. `synchronous` FULL flushes every commit to the disk, so that an effect once
    reported survives a power cut. NORMAL survives the death of the process, `kill -9` included,
    and after a power cut the file is sound but may lack the last commits.
    """

    def __init__(self, path: str | Path, synchronous: Durability = "FULL") -> None:
        """Open or create the file; ":memory:" makes a store that is gone when closed.

        Raises:
            DependencyUnavailableError: the file cannot be opened or is no database.
        """
        if synchronous not in ("FULL", "NORMAL"):
            raise InvalidInputError(f"synchronous is FULL or NORMAL, not {synchronous!r}")
        self._lock = RLock()
        try:
            self._connection = sqlite3.connect(
                path,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA journal_mode=WAL").fetchone()
            self._connection.execute(f"PRAGMA synchronous={synchronous}")
        except sqlite3.Error as error:
            raise _unavailable(str(path), error) from error

    def repository(self, table: str) -> "SqliteRepository":
        """Return the repository of one table, created when it is not there yet."""
        return SqliteRepository(self, table)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return its rows.

        Raises:
            DependencyUnavailableError: the file is locked for too long, full or damaged.
        """
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise _unavailable("the store", error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock of the file; an exception rolls everything back.

        Raises:
            DependencyUnavailableError: the file is locked for too long, full or damaged.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise _unavailable("the store", error) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # The error that led here is the one to tell; without a transaction there is nothing to do.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; later calls raise DependencyUnavailableError."""
        with self._lock:
            self._connection.close()


class SqliteRepository:
    """A `Repository` in one table of a `SqliteStore`."""

    def __init__(self, store: SqliteStore | str | Path, table: str) -> None:
        """Use a store, or open the file at a path."""
        if _TABLE_NAME.fullmatch(table) is None:
            raise InvalidInputError(f"a table has a plain name, not {table!r:.80}")
        self._store = store if isinstance(store, SqliteStore) else SqliteStore(store)
        # A table's name cannot be a parameter; the check above keeps it a plain name.
        select = f'SELECT partition, sort, document, version FROM "{table}"'  # noqa: S608
        self._get = f"{select} WHERE partition = ? AND sort = ?"
        # No UTF-8 text holds the byte FF, so prefix + FF is above all that start with the prefix.
        self._query = (
            f"{select} WHERE partition = ? AND sort >= ? AND sort < CAST(? AS TEXT) ORDER BY sort"
        )
        self._by_index = f"{select} WHERE index_key = ? ORDER BY partition, sort"
        self._insert = (
            f'INSERT INTO "{table}" (document, index_key, partition, sort, version)'  # noqa: S608
            " VALUES (?, ?, ?, ?, 1 + ?) ON CONFLICT DO NOTHING"
        )
        self._update = (
            f'UPDATE "{table}" SET document = ?, index_key = ?, version = version + 1'  # noqa: S608
            " WHERE partition = ? AND sort = ? AND version = ?"
        )
        with self._store.transaction() as connection:
            connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{table}" (partition TEXT NOT NULL,'
                " sort TEXT NOT NULL, document BLOB NOT NULL, version INTEGER NOT NULL,"
                " index_key TEXT, PRIMARY KEY (partition, sort)) WITHOUT ROWID"
            )
            connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{table}.by_index" ON "{table}"'
                " (index_key, partition, sort) WHERE index_key IS NOT NULL"
            )

    def get(self, partition: str, sort: str) -> Record | None:
        """Read one record."""
        rows = self._store.execute(self._get, (partition, sort))
        return _record(rows[0]) if rows else None

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        """Read the records of a partition whose sort key starts with `prefix`, in key order."""
        above = prefix.encode() + b"\xff"
        return [_record(r) for r in self._store.execute(self._query, (partition, prefix, above))]

    def by_index(self, index: str) -> list[Record]:
        """Read the records filed under `index`, ordered by key."""
        return [_record(row) for row in self._store.execute(self._by_index, (index,))]

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none.

        Raises:
            ConflictError: a record has another version than the one expected.
            DependencyUnavailableError: the file is locked for too long, full or damaged.
            InvalidInputError: the writes break the limits in adapters/limits.
        """
        check_writes(writes)
        if not writes:
            return
        with self._store.transaction() as connection:
            for write in writes:
                values = (
                    write.document,
                    write.index,
                    write.partition,
                    write.sort,
                    write.expected_version,
                )
                sql = self._update if write.expected_version else self._insert
                if connection.execute(sql, values).rowcount != 1:
                    raise conflict(write)


def _record(row: tuple[str, str, bytes, int]) -> Record:
    return Record(partition=row[0], sort=row[1], document=row[2], version=row[3])


def _unavailable(what: str, error: sqlite3.Error) -> DependencyUnavailableError:
    return DependencyUnavailableError(f"{what}: {error}")
