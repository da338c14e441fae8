"""Killed with SIGKILL at any durable commit, the example case still ends with one refund."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent / "kill_runner.py"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("first", "step", "workers", "pattern"),
    [
        pytest.param(1, 2, 0, "", id="odd commits"),
        pytest.param(2, 2, 0, "", id="even commits"),
        pytest.param(3, 7, 4, "", id="some commits, with threads"),
        # Between a task's put and its start, too: who asks again finds the task, or starts it.
        pytest.param(26, 13, 0, "orchestrator", id="some commits, agents by A2A"),
    ],
)
def test_killed_at_every_commit(first: int, step: int, workers: int, pattern: str) -> None:
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(first), str(step), str(workers), pattern],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(rows) > 40 // step, "the case has fewer commits than it must have"
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    for row in rows:
        assert row["restart"] == 0, row
        assert row["status"] == "resolved", row
        assert row["refunds"] == [6490], row
        assert row["replacements"] == 1, row
        assert row["stock"] == {"sku": "sku_teapot", "on_hand": 11, "reserved": 1}, row
        assert row["running"] == [], row
