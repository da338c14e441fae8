"""The archives' and the replays' part of what the bus keeps in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from redress.adapters.sqlite.repository import SqliteStore

from redress_local.events.errors import ExistsError, UnknownReplayError
from redress_local.events.models import DEFAULT_BUS, Replay

_SCHEMA = """
create table if not exists archived (
    archive text not null, id text not null, at real not null, envelope blob not null,
    primary key (archive, id)
) without rowid;
create table if not exists replays (
    name text primary key, archive text not null, settings text not null,
    events integer not null, at real not null
)
"""
_PAGE = 100

Execute = Callable[..., Any]


class ArchiveTables:
    """Archived events and replays in a `SqliteStore`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def _prepare_archives(self, execute: Execute) -> None:
        """Make the tables, or add what those of an earlier version lack."""
        for statement in _SCHEMA.split(";"):
            execute(statement)
        if "event_at" not in {row[1] for row in execute("pragma table_info(archived)")}:
            execute("alter table archived add column event_at real")
            rows = execute("select archive, id, at, envelope from archived").fetchall()
            for archive, key, at, text in rows:
                execute(
                    "update archived set event_at = ? where archive = ? and id = ?",
                    (event_time(msgspec.json.decode(text), at), archive, key),
                )
        execute("drop index if exists archived_at")
        execute("create index if not exists archived_event_at on archived (archive, event_at, id)")

    def put_archived(
        self, execute: Execute, archive: str, envelope: dict[str, Any], at: float, text: bytes
    ) -> None:
        """Keep an event in an archive, within a transaction."""
        execute(
            "insert or ignore into archived (archive, id, at, envelope, event_at)"
            " values (?, ?, ?, ?, ?)",
            (archive, envelope["id"], at, text, event_time(envelope, at)),
        )

    def archived(
        self, archive: str, since: float | None, until: float | None
    ) -> list[dict[str, Any]]:
        """The events taken in a time window, oldest first; `until` is not part of it."""
        rows = self._store.execute(
            "select envelope from archived where archive = ? and (? is null or at >= ?)"
            " and (? is null or at < ?) order by at, id",
            (archive, since, since, until, until),
        )
        return [msgspec.json.decode(row[0]) for row in rows]

    def archived_page(self, replay: Replay) -> list[tuple[float, dict[str, Any]]]:
        """The next events of a replay, by their own time; empty when it is done."""
        start, cursor = (replay.start, "") if replay.last is None else (replay.last, replay.cursor)
        rows = self._store.execute(
            "select event_at, envelope from archived where archive = ?"
            " and (event_at, id) > (?, ?) and event_at <= ? order by event_at, id limit ?",
            (replay.archive, start, cursor, replay.end, _PAGE),
        )
        return [(row[0], msgspec.json.decode(row[1])) for row in rows]

    def archive_sizes(self) -> dict[str, tuple[int, int, float, float]]:
        """Per archive: events, bytes, and when the first and the last event came."""
        rows = self._store.execute(
            "select archive, count(*), sum(length(envelope)), min(at), max(at) from archived"
            " group by archive"
        )
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    def prune(self, archive: str, before: float) -> int:
        """Drop what an archive has kept for long enough; returns how many events."""
        with self._store.transaction() as db:
            return db.execute(
                "delete from archived where archive = ? and at < ?", (archive, before)
            ).rowcount

    def empty_archive(self, archive: str) -> None:
        """Drop all that an archive holds."""
        with self._store.transaction() as db:
            db.execute("delete from archived where archive = ?", (archive,))

    # Replays

    def add_replay(self, execute: Execute, replay: Replay) -> None:
        """Write a new replay, within a transaction.

        Raises:
            ExistsError: There was one of that name.
        """
        row = execute("insert or ignore into replays values (?, ?, ?, ?, ?)", _row(replay))
        if row.rowcount == 0:
            raise ExistsError(f"Replay {replay.name} already exists.")

    def new_replay(self, replay: Replay) -> None:
        """Write a new replay.

        Raises:
            ExistsError: There was one of that name.
        """
        with self._store.transaction() as db:
            self.add_replay(db.execute, replay)

    def change_replay(self, name: str, change: Callable[[Replay], Replay]) -> Replay:
        """Change a replay; returns it as it is then.

        Raises:
            UnknownReplayError: No such replay.
        """
        with self._store.transaction() as db:
            return self.change_replay_within(db.execute, name, change)

    def change_replay_within(
        self, execute: Execute, name: str, change: Callable[[Replay], Replay]
    ) -> Replay:
        """Change a replay, within a transaction."""
        row = execute(f"{_SELECT} where name = ?", (name,)).fetchone()
        if row is None:
            raise UnknownReplayError(f"Replay {name} does not exist.")
        changed = change(_read(row))
        execute(
            "update replays set settings = ?, events = ? where name = ?",
            (*_row(changed)[2:4], name),
        )
        return changed

    def get_replay(self, name: str) -> Replay:
        """A replay by name.

        Raises:
            UnknownReplayError: There is none.
        """
        rows = self._store.execute(f"{_SELECT} where name = ?", (name,))
        if not rows:
            raise UnknownReplayError(f"Replay {name} does not exist.")
        return _read(rows[0])

    def all_replays(self) -> Iterator[Replay]:
        """Every replay, oldest first."""
        return map(_read, self._store.execute(f"{_SELECT} order by at, name"))

    def replays(self) -> list[dict[str, Any]]:
        """Every replay, oldest first, as plain data."""
        return [msgspec.to_builtins(replay) for replay in self.all_replays()]


_SELECT = "select name, archive, settings, events, at from replays"


def event_time(envelope: dict[str, Any], default: float) -> float:
    """The time that an event bears, in epoch seconds."""
    try:
        at = datetime.fromisoformat(envelope["time"])
    except ValueError:
        return default
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _row(replay: Replay) -> tuple[str, str, bytes, int, float]:
    return replay.name, replay.archive, msgspec.json.encode(replay), replay.events, replay.at


def _read(row: tuple[Any, ...]) -> Replay:
    name, archive, settings, events, at = row
    fields = msgspec.json.decode(settings)
    if "state" in fields:
        return msgspec.convert(fields, Replay)
    # Written by an earlier version, which replayed everything at once.
    return Replay(
        name=name, archive=archive, bus=DEFAULT_BUS, start=fields.get("from") or 0.0,
        end=fields.get("to") or at, rules=tuple(fields.get("rules") or ()), at=at,
        state="COMPLETED", events=events, ended_at=at,
    )  # fmt: skip
