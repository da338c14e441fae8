"""A process that is killed with SIGKILL, at every commit of the journal and at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

RUNNER = Path(__file__).parent / "kill_runner.py"
EXPECTED = {"a": 1, "l": 1, "l2": 1, "r": 1, "m": 3, "c1": 1, "z": 1}


def kills(kind: str, folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(RUNNER), kind, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        assert row["restart"] == 0, done.stderr[-2000:]
        assert row["result"] == ["SUCCEEDED", [1, 2, 3]]
    return rows


def counts(row: dict[str, Any]) -> Counter[str]:
    return Counter(line.split()[0] for line in row["calls"])


def test_killed_at_every_commit(tmp_path: Path) -> None:
    rows = kills("commits", tmp_path)
    assert len(rows) > 20
    # The last one ended by itself: every commit before had its kill.
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    assert rows[-1]["exit"] == 0
    for commit, row in enumerate(rows, start=1):
        assert counts(row) == EXPECTED, commit


def test_killed_at_any_moment_with_threads(tmp_path: Path) -> None:
    rows = kills("moments", tmp_path)
    assert [row["killed"] for row in rows] == [True] * 6
    for row in rows:
        # A call that was running when the process died is made again, with the same payload.
        made = counts(row)
        assert made.keys() == EXPECTED.keys()
        assert set(row["calls"]) == {
            'a {"n": 1}', 'l {"n": 1}', 'l2 {"n": 1}', 'r {"n": 1}',
            "m 1", "m 2", "m 3", "c1 [1, 2, 3]", "z [1, 2, 3]",
        }  # fmt: skip
        assert sum(made.values()) - sum(EXPECTED.values()) <= 2
