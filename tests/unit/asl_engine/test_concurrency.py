"""The engine with real threads and real time."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from asl_engine import MemoryJournal, SqliteJournal, SystemClock
from asl_world import World, machine, one, scope, task, token_task


@pytest.fixture(params=["memory", "sqlite"])
def threaded(request: Any, tmp_path: Any) -> Any:
    world = World(f=lambda value: value)
    world.journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j")
    world.start(max_workers=8, clock=SystemClock())
    yield world
    world.engine.close()
    world.journal.close()


def branches(*states: Any) -> dict[str, Any]:
    built = [one(state, f"B{index}") for index, state in enumerate(states)]
    return one({"Type": "Parallel", "Branches": built, "End": True})


def test_branches_that_call_tasks_run_side_by_side(threaded: World) -> None:
    meeting = threading.Barrier(3, timeout=10)
    threaded.functions["meet"] = lambda value: meeting.wait() >= 0
    execution = threaded.run(machine(branches(*[task("meet")] * 3)))
    assert execution.output == [True, True, True]


def test_iterations_keep_to_max_concurrency(threaded: World) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def work(value: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return value * 2

    threaded.functions["work"] = work
    state = {
        "Type": "Map",
        "MaxConcurrency": 3,
        "ItemProcessor": one(task("work"), "Work"),
        "End": True,
    }
    execution = threaded.run(machine(one(state)), list(range(20)))
    assert execution.output == [2 * value for value in range(20)]
    assert 2 <= most[0] <= 3


def test_a_sequential_execution_stays_in_the_callers_thread(threaded: World) -> None:
    threads: set[int] = set()

    def function(value: Any) -> Any:
        threads.add(threading.get_ident())
        return value

    threaded.functions["f"] = function
    child = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": "child", "Input": "{% $states.input %}"},
        "Output": "{% $states.result.Output %}",
    }
    loop = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": one(task("f"), "In")}
    threaded.add(machine(one(task("f")), "child"))
    built = machine(scope(("A", task("f")), ("B", loop), ("C", child), ("D", task("f"))))
    assert threaded.run(built, [1, 2]).output == [1, 2]
    assert threads == {threading.get_ident()}


def test_a_slow_call_times_out_and_its_answer_is_ignored(threaded: World) -> None:
    let_go = threading.Event()
    calls: list[int] = []

    def slow(value: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            let_go.wait(10)
            return "too late"
        return "in time"

    threaded.functions["slow"] = slow
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxDelaySeconds": 2,
              "JitterStrategy": "FULL"}]  # fmt: skip
    arn = threaded.engine.start_execution(
        machine(scope(("T", task("slow", TimeoutSeconds=1, Retry=retry)), ("U", task("f"))))
    )
    execution = threaded.engine.wait(arn, timeout=10)
    let_go.set()
    assert (execution.status, execution.output) == ("SUCCEEDED", "in time")
    assert threaded.types(execution).count("TaskTimedOut") == 1


def test_five_hundred_waiting_executions_need_no_threads(threaded: World) -> None:
    threaded.functions["ask"] = lambda value: None
    built = machine(scope(("Ask", token_task("ask", TimeoutSeconds=3600)), ("F", task("f"))))
    threaded.add(built)
    before = threading.active_count()
    arns = [threaded.engine.start_execution("machine", {"n": n}) for n in range(500)]
    deadline = time.monotonic() + 30
    while len(threaded.engine._core.tokens) < 500 or len(threaded.tokens) < 500:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert threading.active_count() <= before + 9
    for token, value in list(threaded.tokens.items()):
        threaded.engine.send_task_success(token, value)
    outputs = [threaded.engine.wait(arn, timeout=30).output for arn in arns]
    assert outputs == [{"n": n} for n in range(500)]
    assert threaded.engine._core.live == {}


def test_concurrent_starts_of_one_name_are_one_execution(threaded: World) -> None:
    threaded.functions["slow"] = lambda value: time.sleep(0.2)
    threaded.add(machine(one(task("slow"))))
    arns: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: arns.append(threaded.engine.start_execution("machine", 1, "x"))
        )
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(arns) == 16
    assert len(set(arns)) == 1
    assert threaded.engine.wait(arns[0], timeout=10).status == "SUCCEEDED"
    assert len(threaded.calls) == 1


def test_many_callers_at_once(threaded: World) -> None:
    both = branches(task("f"), task("f"))["States"]["Only"]
    built = machine(scope(("A", task("f")), ("P", both)))
    threaded.add(built)
    outputs: list[Any] = []

    def caller(start: int) -> None:
        runs = (threaded.engine.run("machine", {"n": n}) for n in range(start, start + 10))
        outputs.extend(execution.output[1]["n"] for execution in runs)

    threads = [threading.Thread(target=caller, args=(10 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outputs) == list(range(80))
    for execution in threaded.engine.list_executions():
        events = threaded.engine.history(execution.arn)
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))


def test_stopping_while_a_call_runs_ends_at_once(threaded: World) -> None:
    let_go, called = threading.Event(), threading.Event()

    def slow(value: Any) -> None:
        called.set()
        let_go.wait(10)

    threaded.functions["slow"] = slow
    arn = threaded.engine.start_execution(machine(scope(("S", task("slow")), ("F", task("f")))))
    assert called.wait(10)
    assert threaded.engine.stop_execution(arn).status == "ABORTED"
    let_go.set()
    time.sleep(0.05)
    assert threaded.engine.describe(arn).status == "ABORTED"
    assert threaded.count()["f"] == 0


def test_a_branch_that_fails_does_not_wait_for_the_others(threaded: World) -> None:
    let_go, called = threading.Event(), threading.Event()

    def slow(value: Any) -> None:
        called.set()
        let_go.wait(10)

    def bad(value: Any) -> None:
        called.wait(10)
        raise KeyError("bad")

    threaded.functions["slow"] = slow

    threaded.functions["bad"] = bad
    arn = threaded.engine.start_execution(machine(branches(task("slow"), task("bad"))))
    execution = threaded.engine.wait(arn, timeout=5)
    let_go.set()
    assert execution.error == "KeyError"
    types = threaded.types(execution)
    assert types[-3:] == ["TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"]


def test_real_waits_and_backoffs(threaded: World) -> None:
    calls: list[float] = []

    def flaky(value: Any) -> Any:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise ValueError("once")
        return value

    threaded.functions["flaky"] = flaky
    retry = [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1}]
    started = time.monotonic()
    wait = {"Type": "Wait", "Seconds": 1, "End": True}
    built = machine(branches(wait, task("flaky", Retry=retry)))
    assert threaded.run(built, 1).output == [1, 1]
    assert 1.0 <= calls[1] - calls[0] < 2.0
    assert time.monotonic() - started < 3.0


def test_heartbeats_in_real_time(threaded: World) -> None:
    threaded.functions["ask"] = lambda value: None
    state = token_task("ask", HeartbeatSeconds=1, TimeoutSeconds=30)
    arn = threaded.engine.start_execution(machine(one(state)))
    while not threaded.tokens:
        time.sleep(0.01)
    time.sleep(0.6)
    threaded.engine.send_task_heartbeat(next(iter(threaded.tokens)))
    assert threaded.engine.wait(arn, timeout=0.6).status == "RUNNING"
    assert threaded.engine.wait(arn, timeout=5).error == "States.HeartbeatTimeout"


def test_closing_ends_the_threads_and_the_work_can_be_resumed(threaded: World) -> None:
    threaded.add(machine(scope(("W", {"Type": "Wait", "Seconds": 1}), ("F", task("f")))))
    arn = threaded.engine.start_execution("machine", 7)
    before = threading.active_count()
    threaded.engine.close()
    assert threading.active_count() <= before
    threaded.start(max_workers=2, clock=SystemClock())
    assert threaded.engine.resume() == [arn]
    assert threaded.engine.wait(arn, timeout=10).output == 7
