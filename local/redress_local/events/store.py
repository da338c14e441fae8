"""What the bus keeps in SQLite: deliveries still owed, dead letters, archives and replays.

An event and every delivery that it owes are written in one transaction before the first attempt,
and a delivery's row goes away only when its target has taken the event or a dead letter is
written. So what is left after a crash is exactly what is still to be delivered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from redress.adapters.sqlite.repository import SqliteStore

_SCHEMA = """
create table if not exists events (key integer primary key, envelope blob not null);
create table if not exists deliveries (
    key integer primary key, event integer not null, rule text not null, target text not null,
    attempts integer not null, next_at real not null, give_up_at real not null
);
create index if not exists deliveries_event on deliveries (event);
create table if not exists dead_letters (
    key integer primary key, queue text not null, at real not null, rule text not null,
    target text not null, attempts integer not null, code text not null, message text not null,
    envelope blob not null
);
create table if not exists archived (
    archive text not null, id text not null, at real not null, envelope blob not null,
    primary key (archive, id)
) without rowid;
create index if not exists archived_at on archived (archive, at);
create table if not exists replays (
    name text primary key, archive text not null, settings text not null,
    events integer not null, at real not null
);
create table if not exists announced (execution text primary key) without rowid
"""


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One event owed to one target of one rule; times are epoch seconds."""

    key: int
    event: int
    rule: str
    target: str
    attempts: int
    next_at: float
    give_up_at: float
    envelope: dict[str, Any]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a target did not take, as its queue keeps it."""

    key: int
    queue: str
    at: float
    rule: str
    target: str
    attempts: int
    code: str
    message: str
    event: dict[str, Any]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An event with all that it sets off, to be written at once.

    Attributes:
        deliveries: Rule, target and the time after which delivery is given up.
        archives: Archives that keep the event.
    """

    envelope: dict[str, Any]
    at: float
    deliveries: tuple[tuple[str, str, float], ...]
    archives: tuple[str, ...] = ()


class EventStore:
    """The tables of the bus in a `SqliteStore`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        with store.transaction() as db:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)

    def accept(
        self,
        planned: Sequence[Planned],
        *,
        announces: str | None = None,
        replay: tuple[str, str, str, float] | None = None,
    ) -> list[Owed]:
        """Write events with everything they owe in one transaction.

        Args:
            planned: The events.
            announces: An execution whose end the event tells; a second time nothing is written.
            replay: Name, archive, settings and time of the replay that they belong to.

        Returns:
            The deliveries owed, in order.
        """
        owed: list[Owed] = []
        with self._store.transaction() as db:
            if announces is not None:
                row = db.execute("insert or ignore into announced values (?)", (announces,))
                if row.rowcount == 0:
                    return []
            if replay is not None:
                name, archive, settings, at = replay
                db.execute(
                    "insert into replays values (?, ?, ?, ?, ?)",
                    (name, archive, settings, len(planned), at),
                )
            for plan in planned:
                text = msgspec.json.encode(plan.envelope)
                for archive in plan.archives:
                    db.execute(
                        "insert or ignore into archived values (?, ?, ?, ?)",
                        (archive, plan.envelope["id"], plan.at, text),
                    )
                if not plan.deliveries:
                    continue
                event = db.execute("insert into events (envelope) values (?)", (text,)).lastrowid
                assert event is not None
                for rule, target, give_up_at in plan.deliveries:
                    key = db.execute(
                        "insert into deliveries (event, rule, target, attempts, next_at,"
                        " give_up_at) values (?, ?, ?, 0, ?, ?)",
                        (event, rule, target, plan.at, give_up_at),
                    ).lastrowid
                    assert key is not None
                    owed.append(
                        Owed(
                            key=key,
                            event=event,
                            rule=rule,
                            target=target,
                            attempts=0,
                            next_at=plan.at,
                            give_up_at=give_up_at,
                            envelope=plan.envelope,
                        )
                    )
        return owed

    def owed(self, due: float | None = None) -> list[Owed]:
        """All deliveries owed, or those that are due, in the order of acceptance."""
        rows = self._store.execute(
            "select d.key, d.event, rule, target, attempts, next_at, give_up_at, envelope"
            " from deliveries d join events e on e.key = d.event"
            " where ? is null or next_at <= ? order by d.key",
            (due, due),
        )
        return [
            Owed(
                **dict(zip(_OWED, row[:7], strict=True)),
                envelope=msgspec.json.decode(row[7]),
            )
            for row in rows
        ]

    def next_due(self) -> float | None:
        """When the next delivery is due; None when nothing is owed."""
        value: float | None = self._store.execute("select min(next_at) from deliveries")[0][0]
        return value

    def delivered(self, owed: Owed) -> None:
        """The target has taken the event."""
        with self._store.transaction() as db:
            _settle(db.execute, owed)

    def postpone(self, owed: Owed, next_at: float) -> None:
        """The target did not take the event; it is tried again."""
        with self._store.transaction() as db:
            db.execute(
                "update deliveries set attempts = attempts + 1, next_at = ? where key = ?",
                (next_at, owed.key),
            )

    def give_up(self, owed: Owed, queue: str | None, at: float, code: str, message: str) -> None:
        """The target will not get the event; a queue, if there is one, keeps it."""
        with self._store.transaction() as db:
            if queue is not None:
                db.execute(
                    "insert into dead_letters (queue, at, rule, target, attempts, code, message,"
                    " envelope) values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        queue,
                        at,
                        owed.rule,
                        owed.target,
                        owed.attempts + 1,
                        code,
                        message,
                        msgspec.json.encode(owed.envelope),
                    ),
                )
            _settle(db.execute, owed)

    def dead_letters(self) -> list[DeadLetter]:
        """Every dead letter, oldest first."""
        rows = self._store.execute(
            "select key, queue, at, rule, target, attempts, code, message, envelope"
            " from dead_letters order by key"
        )
        return [
            DeadLetter(**dict(zip(_DEAD, row[:8], strict=True)), event=msgspec.json.decode(row[8]))
            for row in rows
        ]

    def redrive(self, letter: DeadLetter, plan: Planned) -> list[Owed]:
        """Owe a dead letter's event to its target again, and take it off the queue."""
        text = msgspec.json.encode(letter.event)
        with self._store.transaction() as db:
            gone = db.execute("delete from dead_letters where key = ?", (letter.key,))
            if gone.rowcount:
                event = db.execute("insert into events (envelope) values (?)", (text,)).lastrowid
                for rule, target, give_up_at in plan.deliveries:
                    db.execute(
                        "insert into deliveries (event, rule, target, attempts, next_at,"
                        " give_up_at) values (?, ?, ?, 0, ?, ?)",
                        (event, rule, target, plan.at, give_up_at),
                    )
        return self.owed(plan.at)

    def archived(
        self, archive: str, since: float | None, until: float | None
    ) -> list[dict[str, Any]]:
        """The archived events of a time window, oldest first; `until` is not part of it."""
        rows = self._store.execute(
            "select envelope from archived where archive = ? and (? is null or at >= ?)"
            " and (? is null or at < ?) order by at, id",
            (archive, since, since, until, until),
        )
        return [msgspec.json.decode(row[0]) for row in rows]

    def archive_sizes(self) -> dict[str, tuple[int, int, float, float]]:
        """Per archive: events, bytes, and the times of the first and the last event."""
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

    def replays(self) -> list[dict[str, Any]]:
        """Every replay, oldest first."""
        rows = self._store.execute(
            "select name, archive, settings, events, at from replays order by at, name"
        )
        return [
            {"name": row[0], "archive": row[1], **json.loads(row[2]), "events": row[3],
             "started_at": row[4]}
            for row in rows
        ]  # fmt: skip

    def announced(self) -> set[str]:
        """The executions whose end was told."""
        return {row[0] for row in self._store.execute("select execution from announced")}


def _settle(execute: Callable[..., Any], owed: Owed) -> None:
    execute("delete from deliveries where key = ?", (owed.key,))
    execute(
        "delete from events where key = ? and not exists"
        " (select 1 from deliveries where event = ?)",
        (owed.event, owed.event),
    )


_OWED = ("key", "event", "rule", "target", "attempts", "next_at", "give_up_at")
_DEAD = ("key", "queue", "at", "rule", "target", "attempts", "code", "message")
