"""A process that is killed with SIGKILL, at every commit of the journal and at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asl_engine import SqliteJournal, SystemClock
from asl_world import SYNC2, World, machine, one, scope, task

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

NAME = "killed"
ARN = f"arn:aws:states:us-east-1:000000000000:execution:machine:{NAME}"
CHILD = machine(scope(("C1", task("c1")), ("CW", {"Type": "Wait", "Seconds": 1})), name="child")
RETRY = [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxDelaySeconds": 2}]
MACHINE = machine(
    scope(
        ("A", task("a", Assign={"x": "{% $states.result.Payload.n %}"})),
        (
            "P",
            {
                "Type": "Parallel",
                "Branches": [
                    scope(("L", task("l")), ("L2", task("l2"))),
                    one(task("r", Retry=RETRY), "R"),
                ],
                "Output": "{% [$x, 2, 3] %}",
            },
        ),
        ("M", {"Type": "Map", "ItemProcessor": one(task("m"), "In"), "MaxConcurrency": 2}),
        (
            "S",
            {
                "Type": "Task",
                "Resource": SYNC2,
                "Arguments": {"StateMachineArn": "child", "Input": "{% $states.input %}"},
                "Output": "{% $states.result.Output %}",
            },
        ),
        ("Z", task("z")),
    )
)
EXPECTED = {"a": 1, "l": 1, "l2": 1, "r": 1, "m": 3, "c1": 1, "z": 1}


def in_child(work: Callable[[], None]) -> int:
    """Run work in a forked process; returns its wait status."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(process, 0)[1]


def world_on(folder: Path, **options: Any) -> World:
    """A world whose calls are logged to a file, and whose journal is in the folder."""

    def logged(name: str) -> Callable[[Any], Any]:
        def function(value: Any) -> Any:
            # One write of one short line is atomic, and the kernel keeps it when we are killed.
            line = f"{name} {json.dumps(value)}\n".encode()
            log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, line)
            os.close(log)
            return value

        return function

    world = World(**{name: logged(name) for name in EXPECTED})
    world.journal = SqliteJournal(folder / "journal.db")
    world.start(**options)
    world.add(CHILD, MACHINE)
    return world


def calls(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def counts(folder: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in calls(folder))


def go_on(folder: Path, **options: Any) -> None:
    world = world_on(folder, **options)
    world.engine.resume()
    if world.journal.record(ARN) is None:
        world.engine.start_execution("machine", {"n": 1}, NAME)
    execution = world.engine.wait(ARN, timeout=30)
    (folder / "result").write_text(json.dumps([execution.status, execution.output]))


def test_killed_at_every_commit(tmp_path: Path) -> None:
    boundary = 0
    while True:
        boundary += 1
        folder = tmp_path / str(boundary)
        folder.mkdir()

        def first(at: int = boundary, folder: Path = folder) -> None:
            world = world_on(folder)

            def kill(commits: int) -> None:
                if commits == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            world.journal.on_commit = kill
            world.engine.run("machine", {"n": 1}, NAME)

        killed = in_child(first)
        if killed == 0:
            break
        assert os.WTERMSIG(killed) == signal.SIGKILL
        assert in_child(lambda folder=folder: go_on(folder)) == 0
        assert json.loads((folder / "result").read_text()) == ["SUCCEEDED", [1, 2, 3]]
        assert counts(folder) == EXPECTED, boundary
    assert boundary > 20
    assert counts(folder) == EXPECTED


def test_killed_at_any_moment_with_threads(tmp_path: Path) -> None:
    rng = random.Random(11)
    for round_ in range(6):
        folder = tmp_path / str(round_)
        folder.mkdir()
        process = os.fork()
        if process == 0:
            try:
                go_on(folder, max_workers=4, clock=SystemClock())
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert in_child(lambda folder=folder: go_on(folder, clock=SystemClock())) == 0
        assert json.loads((folder / "result").read_text()) == ["SUCCEEDED", [1, 2, 3]]
        # A call that was running when the process died is made again, with the same payload.
        made = counts(folder)
        assert made.keys() == EXPECTED.keys()
        assert set(calls(folder)) == {
            'a {"n": 1}', 'l {"n": 1}', 'l2 {"n": 1}', 'r {"n": 1}',
            "m 1", "m 2", "m 3", "c1 [1, 2, 3]", "z [1, 2, 3]",
        }  # fmt: skip
        assert sum(made.values()) - sum(EXPECTED.values()) <= 2
