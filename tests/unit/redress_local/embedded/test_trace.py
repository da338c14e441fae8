"""Following executions: states, times, children, errors, waits."""

from typing import Any

import pytest
from asl_engine import Engine, TaskError, compile_machine
from redress_local.embedded.trace import StateVisit, Trace, first_failure

LAMBDA = "arn:aws:states:::lambda:invoke"


def task(name: str, then: str | None, **more: Any) -> dict[str, Any]:
    step = {"End": True} if then is None else {"Next": then}
    return {
        "Type": "Task",
        "Resource": LAMBDA,
        "Arguments": {"FunctionName": name, "Payload": {}},
        **step,
        **more,
    }


def machine(name: str, start: str, **states: Any) -> Any:
    return compile_machine(
        {"QueryLanguage": "JSONata", "StartAt": start, "States": states}, name=name
    )


@pytest.fixture
def engine() -> Engine:
    calls = {"flaky": 0}

    def invoke(function: str, _: bytes) -> bytes:
        if function == "broken":
            raise ValueError("no such thing")
        if function == "flaky":
            calls["flaky"] += 1
            if calls["flaky"] == 1:
                raise TaskError("Busy", "later")
        return b'{"x": 1}'

    engine = Engine(lambda_invoker=invoke, max_workers=0)
    child = machine(
        "child",
        "Both",
        Both={
            "Type": "Parallel",
            "End": True,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": task("ok", None)}},
                {"StartAt": "Right", "States": {"Right": task("broken", None)}},
            ],
        },
    )
    engine.register(child)
    parent = machine(
        "parent",
        "First",
        First=task(
            "flaky",
            "Second",
            Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxDelaySeconds": 2,
                    "JitterStrategy": "FULL"}],
            Assign={"kept": "{% $states.result.Payload %}"},
        ),
        Second={
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Arguments": {"StateMachineArn": child.arn, "Input": {}},
            "Next": "Ask",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Ask"}],
        },
        Ask={**task("ok", None), "Resource": f"{LAMBDA}.waitForTaskToken"},
    )  # fmt: skip
    engine.register(parent)
    return engine


def test_live_and_afterwards_it_sees_the_same(engine: Engine) -> None:
    left: list[str] = []
    waiting: list[StateVisit] = []
    arn = engine.machine("parent").execution_arn("one")
    live = Trace(arn, on_exit=lambda visit: left.append(visit.name), on_wait=waiting.append)
    engine.subscribe(live.hear)
    engine.start_execution("parent", {}, "one")
    engine.wait(arn, timeout=10)

    assert [(visit.name, visit.depth, visit.kind) for visit in live.visits] == [
        ("First", 0, "Lambda"),
        ("Second", 0, "child machine"),
        ("Both", 1, "Parallel"),
        ("Left", 1, "Lambda"),
        ("Right", 1, "Lambda"),
        ("Ask", 0, "human"),
    ]
    by_name = {visit.name: visit for visit in live.visits}
    assert (by_name["First"].attempts, by_name["First"].error) == (2, None)
    assert by_name["Left"].error is None
    assert (by_name["Right"].error, by_name["Right"].message) == ("ValueError", "no such thing")
    assert by_name["Second"].error == "States.TaskFailed"
    assert first_failure(live) is by_name["Right"]
    assert [visit.name for visit in waiting] == ["Ask"]
    assert by_name["Ask"].milliseconds is None
    assert "Ask" not in left
    assert live.variables == {"kept": {"x": 1}}
    assert live.transitions == 6

    later = Trace(arn)
    later.read(arn, engine.history)
    assert later.visits == live.visits
    assert later.variables == live.variables


def test_it_ignores_other_executions(engine: Engine) -> None:
    trace = Trace("arn:aws:states:us-east-1:000000000000:execution:parent:other")
    engine.subscribe(trace.hear)
    engine.start_execution("parent", {}, "one")
    engine.wait(engine.machine("parent").execution_arn("one"), timeout=10)
    assert trace.visits == []
