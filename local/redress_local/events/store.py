"""What the bus keeps in SQLite: deliveries still owed, dead letters, archives and replays.

An event and every delivery that it owes are written in one transaction before the first attempt,
and a delivery's row goes away only when its target has taken the event or a dead letter is
written. So what is left after a crash is exactly what is still to be delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from redress.adapters.sqlite.repository import SqliteStore

from redress_local.events.store_archives import ArchiveTables

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
create table if not exists announced (execution text primary key) without rowid
"""
# Columns that stores of earlier versions lack.
_ADDED = (
    ("events", "at", "real not null default 0"),
    ("events", "via", "text not null default ''"),
    ("deliveries", "bus", "text not null default ''"),
    ("dead_letters", "bus", "text not null default ''"),
)


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One event owed to one target of one rule; times are epoch seconds.

    Attributes:
        bus: The rule's bus; empty in stores of earlier versions.
        at: When the bus took the event.
        via: The buses that the event came by before this one.
    """

    key: int
    event: int
    bus: str
    rule: str
    target: str
    attempts: int
    next_at: float
    give_up_at: float
    at: float
    via: tuple[str, ...]
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
    bus: str = ""
    event: dict[str, Any]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An event with all that it sets off, to be written at once.

    Attributes:
        deliveries: Rule, target and the time after which delivery is given up.
        archives: Archives that keep the event.
        bus: Where the rules are.
        via: The buses that the event came by before.
    """

    envelope: dict[str, Any]
    at: float
    deliveries: tuple[tuple[str, str, float], ...]
    archives: tuple[str, ...] = ()
    bus: str
    via: tuple[str, ...] = ()


class EventStore(ArchiveTables):
    """The tables of the bus in a `SqliteStore`."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        with store.transaction() as db:
            self._prepare_archives(db.execute)
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            for table, column, kind in _ADDED:
                if column not in {row[1] for row in db.execute(f"pragma table_info({table})")}:
                    db.execute(f"alter table {table} add column {column} {kind}")

    def accept(
        self,
        planned: Sequence[Planned],
        *,
        announces: str | None = None,
        replay: Callable[[Callable[..., Any]], None] | None = None,
    ) -> list[Owed]:
        """Write events with everything they owe in one transaction.

        Args:
            planned: The events.
            announces: An execution whose end the event tells; a second time nothing is written.
            replay: Writes how far the replay is that they belong to, by `execute`.

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
                replay(db.execute)
            for plan in planned:
                text = msgspec.json.encode(plan.envelope)
                for archive in plan.archives:
                    self.put_archived(db.execute, archive, plan.envelope, plan.at, text)
                if plan.deliveries:
                    owed.extend(_owe(db.execute, plan, text))
        return owed

    def owed(self, due: float | None = None, limit: int = -1) -> list[Owed]:
        """All deliveries owed, or the first of those that are due, in the order of acceptance."""
        condition = "" if due is None else " where next_at <= ?"
        rows = self._store.execute(
            "select d.key, d.event, d.bus, rule, target, attempts, next_at, give_up_at, e.at,"  # noqa: S608 - a constant
            f" e.via, envelope from deliveries d join events e on e.key = d.event{condition}"
            " order by d.key limit ?",
            (limit,) if due is None else (due, limit),
        )
        return [
            Owed(
                **dict(zip(_OWED, row[:9], strict=True)),
                via=tuple(row[9].split("/")) if row[9] else (),
                envelope=msgspec.json.decode(row[10]),
            )
            for row in rows
        ]

    def next_due(self, after: float | None = None) -> float | None:
        """When the next delivery is due, or the next one after a time; None when none is owed."""
        since = float("-inf") if after is None else after
        query = "select min(next_at) from deliveries where next_at > ?"
        value: float | None = self._store.execute(query, (since,))[0][0]
        return value

    def is_owed(self, owed: Owed) -> bool:
        """Whether nothing has become of a delivery since it was read."""
        rows = self._store.execute(
            "select 1 from deliveries where key = ? and attempts = ?", (owed.key, owed.attempts)
        )
        return bool(list(rows))

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
                    " envelope, bus) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        queue,
                        at,
                        owed.rule,
                        owed.target,
                        owed.attempts + 1,
                        code,
                        message,
                        msgspec.json.encode(owed.envelope),
                        owed.bus,
                    ),
                )
            _settle(db.execute, owed)

    def dead_letters(self) -> list[DeadLetter]:
        """Every dead letter, oldest first."""
        rows = self._store.execute(
            "select key, queue, at, rule, target, attempts, code, message, bus,"
            " envelope from dead_letters order by key"
        )
        return [
            DeadLetter(**dict(zip(_DEAD, row[:9], strict=True)), event=msgspec.json.decode(row[9]))
            for row in rows
        ]

    def redrive(self, letter: DeadLetter, plan: Planned) -> list[Owed]:
        """Owe a dead letter's event to its target again, and take it off the queue."""
        text = msgspec.json.encode(letter.event)
        with self._store.transaction() as db:
            gone = db.execute("delete from dead_letters where key = ?", (letter.key,))
            return _owe(db.execute, plan, text) if gone.rowcount else []

    def announced(self) -> set[str]:
        """The executions whose end was told."""
        return {row[0] for row in self._store.execute("select execution from announced")}


def _owe(execute: Callable[..., Any], plan: Planned, text: bytes) -> list[Owed]:
    event = execute(
        "insert into events (envelope, at, via) values (?, ?, ?)",
        (text, plan.at, "/".join(plan.via)),
    ).lastrowid
    owed: list[Owed] = []
    for rule, target, give_up_at in plan.deliveries:
        key = execute(
            "insert into deliveries (event, bus, rule, target, attempts, next_at, give_up_at)"
            " values (?, ?, ?, ?, 0, ?, ?)",
            (event, plan.bus, rule, target, plan.at, give_up_at),
        ).lastrowid
        owed.append(
            Owed(
                key=key,
                event=event,
                bus=plan.bus,
                rule=rule,
                target=target,
                attempts=0,
                next_at=plan.at,
                give_up_at=give_up_at,
                at=plan.at,
                via=plan.via,
                envelope=plan.envelope,
            )
        )
    return owed


def _settle(execute: Callable[..., Any], owed: Owed) -> None:
    execute("delete from deliveries where key = ?", (owed.key,))
    execute(
        "delete from events where key = ? and not exists"
        " (select 1 from deliveries where event = ?)",
        (owed.event, owed.event),
    )


_OWED = ("key", "event", "bus", "rule", "target", "attempts", "next_at", "give_up_at", "at")
_DEAD = ("key", "queue", "at", "rule", "target", "attempts", "code", "message", "bus")
