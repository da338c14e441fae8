"""Both journals keep the same things; the file one guards itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from asl_engine import ExecutionExistsError, MemoryJournal, SqliteJournal
from asl_engine.journal import Event, ExecutionRecord
from asl_engine.journal.records import NO_PAYLOAD
from asl_engine.journal.sqlite import JournalError


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: Any, tmp_path: Path) -> Any:
    made = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j.db")
    yield made
    made.close()


def record(name: str = "a", **fields: Any) -> ExecutionRecord:
    base = {"key": 0, "arn": f"arn:{name}", "name": name, "machine": "m", "definition": "d",
            "status": "RUNNING", "input": b"{}", "started_at": 1.5}  # fmt: skip
    return ExecutionRecord(**{**base, **fields})


EVENTS = [
    Event(1, 0, 1.0, "ExecutionStarted"),
    Event(2, 1, 2.0, "PassStateEntered", 3, "P", True, NO_PAYLOAD, None, {"_x": 1}),
]


def test_what_is_committed_is_read_back(journal: Any) -> None:
    made = record()
    journal.commit(made, 0, EVENTS, insert=True)
    journal.commit(made, 1, EVENTS[:1])
    made.status, made.output, made.stopped_at = "SUCCEEDED", b"[1]", 9.0
    journal.commit(made, 2, [], update=True, barrier=True)
    found = journal.record("arn:a")
    assert found == made
    assert found is not made
    batches = list(journal.batches(made.key))
    assert [sequence for sequence, _ in batches] == [0, 1, 2]
    assert batches[0][1] == EVENTS
    assert batches[0][1][1].payload == b"null"
    assert batches[0][1][0].payload is None
    assert journal.record("arn:b") is None


def test_changing_a_record_changes_the_journal_only_with_a_commit(journal: Any) -> None:
    made = record()
    journal.commit(made, 0, [], insert=True)
    made.status = "FAILED"
    assert journal.record("arn:a").status == "RUNNING"


def test_an_arn_is_inserted_once_and_nothing_is_half_done(journal: Any) -> None:
    journal.commit(record(), 0, EVENTS, insert=True)
    with pytest.raises(ExecutionExistsError):
        journal.commit(record(), 0, EVENTS, insert=True)
    journal.commit(record("b"), 0, EVENTS, insert=True)
    assert [found.name for found in journal.records()] == ["b", "a"]


def test_records_are_filtered(journal: Any) -> None:
    made = (("a", "m", "RUNNING"), ("b", "n", "FAILED"), ("c", "m", "FAILED"))
    for name, machine, status in made:
        journal.commit(record(name, machine=machine, status=status), 0, [], insert=True)
    assert [r.name for r in journal.records(machine="m")] == ["c", "a"]
    assert [r.name for r in journal.records(status="FAILED", limit=1)] == ["c"]
    assert [r.name for r in journal.records(machine="m", status="RUNNING")] == ["a"]


def test_the_hook_counts_commits(journal: Any) -> None:
    counted: list[int] = []
    journal.on_commit = counted.append
    journal.commit(record(), 0, [], insert=True)
    journal.commit(record("b"), 0, [], insert=True)
    assert counted == [1, 2]


def test_definitions(journal: Any) -> None:
    journal.save_definition("k", b"{}")
    journal.save_definition("k", b"{}")
    assert journal.definition("k") == b"{}"
    assert journal.definition("other") is None


def test_a_file_is_claimed_by_one(tmp_path: Path) -> None:
    first = SqliteJournal(tmp_path / "j.db")
    assert first.claim()
    second = SqliteJournal(tmp_path / "j.db")
    assert not first.claim()
    assert not second.claim()
    first.close()
    assert second.claim()
    second.close()
    second.close()


def test_two_journals_on_a_file_do_not_mix_executions(tmp_path: Path) -> None:
    first, second = SqliteJournal(tmp_path / "j.db"), SqliteJournal(tmp_path / "j.db")
    a, b = record("a"), record("b")
    first.commit(a, 0, EVENTS, insert=True)
    second.commit(b, 0, EVENTS[:1], insert=True)
    assert a.key != b.key
    assert [len(events) for _, events in first.batches(b.key)] == [1]
    with pytest.raises(ExecutionExistsError):
        second.commit(record("a"), 0, [], insert=True)
    first.close()
    second.close()


def test_files_that_are_no_journal_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"this is not a database at all, " * 10)
    with pytest.raises(JournalError, match="not a journal"):
        SqliteJournal(bad)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="version 99"):
        SqliteJournal(other)
