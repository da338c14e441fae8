"""Kills a small machine with SIGKILL, goes on with what it left, and reports that.

    python kill_runner.py commits|moments FOLDER

Prints one JSON line per kill. The children are forks of this process, which has no threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_engine import SqliteJournal, SystemClock
from asl_world import SYNC2, World, machine, one, scope, task

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
FUNCTIONS = ("a", "l", "l2", "r", "m", "c1", "z")


def fork(work: Callable[[], None]) -> int:
    """Run work in a child process; returns its id."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
            traceback.print_exc()
            os._exit(1)
    return process


def ended(process: int) -> int:
    """Wait for a child; returns its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


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

    world = World(**{name: logged(name) for name in FUNCTIONS})
    world.journal = SqliteJournal(folder / "journal.db")
    world.start(**options)
    world.add(CHILD, MACHINE)
    return world


def go_on(folder: Path, **options: Any) -> None:
    world = world_on(folder, **options)
    world.engine.resume()
    if world.journal.record(ARN) is None:
        world.engine.start_execution("machine", {"n": 1}, NAME)
    execution = world.engine.wait(ARN, timeout=30)
    (folder / "result").write_text(json.dumps([execution.status, execution.output]))


def report(folder: Path, killed: int, restart: int) -> None:
    result, log = folder / "result", folder / "log"
    row = {
        "killed": killed == -signal.SIGKILL,
        "exit": killed,
        "restart": restart,
        "result": json.loads(result.read_text()) if result.exists() else None,
        "calls": log.read_text().splitlines() if log.exists() else [],
    }
    print(json.dumps(row), flush=True)


def kill_at_every_commit(base: Path) -> None:
    commit, killed = 0, -signal.SIGKILL
    while killed == -signal.SIGKILL:
        commit += 1
        folder = base / str(commit)
        folder.mkdir()

        def first(at: int = commit, folder: Path = folder) -> None:
            world = world_on(folder)

            def kill(commits: int) -> None:
                if commits == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            world.journal.on_commit = kill
            world.engine.run("machine", {"n": 1}, NAME)

        killed = ended(fork(first))
        report(folder, killed, ended(fork(lambda folder=folder: go_on(folder))))


def kill_at_any_moment(base: Path) -> None:
    """With threads and in real time; the rounds run side by side, for they mostly wait."""
    rng = random.Random(11)
    killed: dict[Path, int] = {}
    for round_ in range(6):
        folder = base / str(round_)
        folder.mkdir()
        process = fork(lambda folder=folder: go_on(folder, max_workers=4, clock=SystemClock()))
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(process, signal.SIGKILL)
        killed[folder] = ended(process)
    started = {
        folder: fork(lambda folder=folder: go_on(folder, clock=SystemClock())) for folder in killed
    }
    for folder, process in started.items():
        report(folder, killed[folder], ended(process))


if __name__ == "__main__":
    kinds = {"commits": kill_at_every_commit, "moments": kill_at_any_moment}
    kinds[sys.argv[1]](Path(sys.argv[2]))
