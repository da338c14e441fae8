"""Other interpreters of the Amazon States Language, to compare the engine with.

`run_on_engine`, `run_on_sfnx` and (in `asl_moto`) `run_on_moto` take the same definition, input and
stubs and give the same `Outcome`. A stub answers a task by its state: it gets a `Call` and returns
the task's result (for lambda:invoke the whole envelope; see `payload`), or raises `TaskError`.
No time passes in any of them: retries follow at once, waits are over at once.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sfnx.testing
from asl_engine import Engine, TaskError, TaskRequest, VirtualClock, compile_machine
from asl_engine.compiler import split_resource

TOKEN = "token"
"""What stands for a task token in the calls of every oracle."""


@dataclass(frozen=True)
class Call:
    """One task called: its state, its Resource as written, its evaluated Arguments."""

    state: str
    resource: str
    arguments: Any


Stub = Callable[[Call], Any]


@dataclass
class Outcome:
    """How an execution ended, and the tasks that it called, in order."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None
    calls: list[Call] = field(default_factory=list)

    def comparable(self, *, ordered: bool = True) -> dict[str, Any]:
        """What two interpreters must agree on.

        Causes of the interpreter's own errors are prose, so only those of others count. With
        `ordered=False` the calls count as a multiset, for machines whose branches wait.
        """
        own = (self.error or "").startswith("States.")
        calls = [(c.state, c.resource, c.arguments) for c in self.calls]
        if not ordered:
            calls.sort(key=lambda call: json.dumps(call, sort_keys=True))
        return {
            "status": self.status,
            "output": self.output,
            "error": self.error,
            "cause": None if own or not self.cause else self.cause,
            "calls": calls,
        }


def payload(value: Any) -> dict[str, Any]:
    """A lambda:invoke result with this payload."""
    return {"ExecutedVersion": "$LATEST", "Payload": value, "StatusCode": 200}


def stubs_by_state(answers: Mapping[str, Any]) -> Stub:
    """Stubs from a table by state name: a value, a function of the call, an error, or a list.

    A list gives one entry per call of the state, and its last one from then on.
    """
    left = {state: list(a) if isinstance(a, list) else [a] for state, a in answers.items()}

    def stub(call: Call) -> Any:
        if call.state not in left:
            raise AssertionError(f"no stub for the state {call.state}")
        queue = left[call.state]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, TaskError):
            raise answer
        return answer(call) if callable(answer) else answer

    return stub


class _NoJitter(random.Random):
    """Makes every backoff with full jitter last no time."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


def run_on_engine(definition: Mapping[str, Any], value: Any, stub: Stub) -> Outcome:
    """Run on the engine, in this thread."""
    calls: list[Call] = []
    resources = dict(every_state(definition))

    def answer(request: TaskRequest) -> Any:
        written = resources[request.state_name]["Resource"]
        arguments = _replace(request.arguments, request.token, TOKEN)
        call = Call(request.state_name, written, arguments)
        calls.append(call)
        result = stub(call)
        if request.pattern == ".waitForTaskToken":
            assert request.token is not None
            engine.send_task_success(request.token, result)
        return result

    # Child machines are stubbed like any task: their answer is what .sync:2 would return.
    inlined = _without_sync(definition)
    keys = {
        split_resource(state["Resource"])[0]
        for _, state in every_state(definition)
        if state["Type"] == "Task"
    }
    engine = Engine(max_workers=0, clock=VirtualClock(), random=_NoJitter())
    engine._registry.update(dict.fromkeys(keys, answer))
    execution = engine.run(compile_machine(_instant(inlined), name="machine"), value)
    engine.close()
    if execution.status == "RUNNING":
        raise AssertionError(f"the engine stopped in the middle: {engine.history(execution.arn)}")
    return Outcome(execution.status, execution.output, execution.error, execution.cause, calls)


def run_on_sfnx(definition: Mapping[str, Any], value: Any, stub: Stub) -> Outcome:
    """Run on sfnx.testing; its Unsupported and InvalidDefinition errors pass through."""
    calls: list[Call] = []

    def tasks(made: sfnx.testing.Call) -> object:
        call = Call(made.state, made.resource, _replace(made.arguments, "token", TOKEN))
        calls.append(call)
        try:
            return stub(call)
        except TaskError as error:
            raise sfnx.testing.Failure(error.error, error.cause) from None

    execution = sfnx.testing.run(definition, value, tasks)
    if execution.error is not None:
        return Outcome("FAILED", None, execution.error, execution.cause, calls)
    return Outcome("SUCCEEDED", execution.output, calls=calls)


def assert_same(
    definition: Mapping[str, Any],
    value: Any,
    answers: Mapping[str, Any],
    *,
    ordered: bool = True,
    oracle: Callable[[Mapping[str, Any], Any, Stub], Outcome] = run_on_sfnx,
) -> Outcome:
    """Assert that the engine and an oracle do the same; returns what the engine did."""
    ours = run_on_engine(definition, value, stubs_by_state(answers))
    theirs = oracle(definition, value, stubs_by_state(answers))
    assert ours.comparable(ordered=ordered) == theirs.comparable(ordered=ordered)
    return ours


def every_state(body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All states of a definition with their names, those inside branches and maps included."""
    found = []
    for name, state in body["States"].items():
        found.append((name, state))
        for inner in [*state.get("Branches", []), state.get("ItemProcessor")]:
            if inner is not None:
                found.extend(every_state(inner))
    return found


def _instant(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with backoffs that the engine's random source can make instant."""
    changed = copy.deepcopy(dict(definition))
    for _, state in every_state(changed):
        for retrier in state.get("Retry", []):
            retrier["JitterStrategy"] = "FULL"
    return changed


def _without_sync(definition: Mapping[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(definition))
    for _, state in every_state(changed):
        resource, pattern = split_resource(state.get("Resource", ""))
        if pattern in {".sync", ".sync:2"}:
            state["Resource"] = resource
    return changed


def _replace(value: Any, token: str | None, by: str) -> Any:
    if token is not None and value == token:
        return by
    if isinstance(value, dict):
        return {key: _replace(inner, token, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replace(inner, token, by) for inner in value]
    return value
