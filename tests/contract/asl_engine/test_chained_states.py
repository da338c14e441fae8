"""Machines walked state by state with TestState end as they do when the engine runs them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from asl_cases import CASES
from asl_engine import Engine, TaskError, VirtualClock
from asl_engine import test_state as subject
from asl_oracles import Call, Outcome, Stub, run_on_engine, stubs_by_state

_FORKS = frozenset({"Map", "Parallel"})
NOT_WALKED = {
    "retry-counts-in-arguments": "a test's context says no retries unless it is mocked",
}

WALKED = sorted(
    name
    for name, (definition, _, _) in CASES.items()
    if name not in NOT_WALKED
    and not any(state["Type"] in _FORKS for state in definition["States"].values())
)


def _mock(state: dict[str, Any], name: str, stub: Stub) -> dict[str, Any]:
    """The stub's answer as a mock; Arguments are the walk's input, which stubs here can take."""
    try:
        result = stub(Call(name, state["Resource"], state["seen"]))
    except TaskError as error:
        return {"errorOutput": {"error": error.error, "cause": error.cause}}
    return {"result": json.dumps(result), "fieldValidationMode": "NONE"}


def walk(definition: dict[str, Any], value: Any, stub: Stub) -> Outcome:
    """Run a machine by one TestState after another."""
    engine = Engine(max_workers=0, clock=VirtualClock())
    name, variables = definition["StartAt"], "{}"
    used: Counter[int] = Counter()
    payload = json.dumps(value)

    def ask(**members: Any) -> dict[str, Any]:
        return subject.test_state(
            {
                "definition": json.dumps(definition),
                "stateName": name,
                "input": payload,
                "variables": variables,
                "inspectionLevel": "DEBUG",
                **members,
            },
            integrations=engine._registry,
            clock=engine.clock,
            account="000000000000",
            region="us-east-1",
        )

    while True:
        state = definition["States"][name]
        members: dict[str, Any] = {}
        if state["Type"] == "Task":
            # First what it would be called with, then what it gives for that.
            peek = ask(mock={"result": "null", "fieldValidationMode": "NONE"})
            seen = peek["inspectionData"].get("afterArguments")
            if seen is None:
                members["mock"] = {"errorOutput": {"error": "Unreachable"}}
            else:
                members["mock"] = _mock({**state, "seen": json.loads(seen)}, name, stub)
        answer = ask(**members)
        index = answer["inspectionData"].get("errorDetails", {}).get("retryIndex")
        if index is not None:
            # That retrier takes the error; ask again as if it had been used as often as it was.
            answer = ask(**members, stateConfiguration={"retrierRetryCount": used[index]})
            used[index] += 1
        variables = answer["inspectionData"].get("variables", "{}")
        if answer["status"] == "RETRIABLE":
            continue
        used.clear()
        if answer["status"] == "FAILED":
            return Outcome("FAILED", None, answer.get("error", ""), answer.get("cause"))
        payload = answer["output"]
        if "nextState" not in answer:
            return Outcome("SUCCEEDED", json.loads(payload))
        name = answer["nextState"]


@pytest.mark.parametrize("case", WALKED)
def test_walked_as_run(case: str) -> None:
    definition, value, answers = CASES[case]
    ran = run_on_engine(definition, value, stubs_by_state(answers))
    walked = walk(definition, value, stubs_by_state(answers))
    assert {**walked.comparable(), "calls": 0} == {**ran.comparable(), "calls": 0}


def test_most_cases_are_walked() -> None:
    assert len(WALKED) > 35
    assert NOT_WALKED.keys() <= CASES.keys()
