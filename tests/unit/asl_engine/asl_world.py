"""A small world for engine tests: short ways to write machines, and functions that count calls."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from asl_engine import (
    Engine,
    Execution,
    MemoryJournal,
    StateMachine,
    TaskError,
    VirtualClock,
    compile_machine,
)

INVOKE = "arn:aws:states:::lambda:invoke"
TOKEN = INVOKE + ".waitForTaskToken"
SYNC2 = "arn:aws:states:::states:startExecution.sync:2"

State = dict[str, Any]


def task(function: str, payload: Any = "{% $states.input %}", **fields: Any) -> State:
    """A lambda:invoke task whose result is the function's answer."""
    state: State = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": function, "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **fields,
    }
    return state if "Next" in state else {**state, "End": True}


def token_task(function: str, **fields: Any) -> State:
    """A task that ends when somebody answers its token."""
    payload = {"token": "{% $states.context.Task.Token %}", "input": "{% $states.input %}"}
    return {
        **task(function, payload, **fields),
        "Resource": TOKEN,
        "Output": "{% $states.result %}",
    }


def one(state: State, name: str = "Only") -> State:
    """A scope of one state."""
    return {"StartAt": name, "States": {name: state}}


def scope(*states: tuple[str, State]) -> State:
    """A scope of states that follow one another; those with Next or no End keep what they have."""
    names = [name for name, _ in states]
    built = {}
    for index, (name, state) in enumerate(states):
        fields = dict(state)
        if "Next" in fields:
            fields.pop("End", None)
        elif fields["Type"] not in {"Choice", "Succeed", "Fail"}:
            fields.pop("End", None)
            if index + 1 < len(names):
                fields["Next"] = names[index + 1]
            else:
                fields["End"] = True
        built[name] = fields
    return {"StartAt": names[0], "States": built}


def machine(body: State, name: str = "machine", **fields: Any) -> StateMachine:
    """A compiled machine of a scope."""
    return compile_machine({"QueryLanguage": "JSONata", **fields, **body}, name=name)


class Crash(BaseException):
    """Stands for kill -9: nothing in the engine may catch it."""


class World:
    """Functions by name, a journal and a clock that outlive the engine."""

    def __init__(self, **functions: Callable[[Any], Any]) -> None:
        self.functions = functions
        self.journal: Any = MemoryJournal()
        self.clock = VirtualClock()
        self.calls: list[tuple[str, Any]] = []
        self.tokens: dict[str, Any] = {}
        self.machines: list[StateMachine] = []
        self.engine = self.start()

    def start(self, **options: Any) -> Engine:
        """A new engine on the same journal, as after a restart of the process."""
        options = {"max_workers": 0, "clock": self.clock, "random": random.Random(7), **options}
        self.engine = Engine(journal=self.journal, lambda_invoker=self.invoke, **options)
        for known in self.machines:
            self.engine.register(known)
        return self.engine

    def add(self, *machines: StateMachine) -> None:
        """Register machines with this engine and those to come."""
        for new in machines:
            self.machines.append(new)
            self.engine.register(new)

    def invoke(self, function: str, payload: bytes) -> bytes:
        """What the engine calls for lambda:invoke."""
        value = json.loads(payload)
        self.calls.append((function, value))
        if isinstance(value, dict) and "token" in value:
            self.tokens[value["token"]] = value.get("input")
        answer = self.functions[function](value)
        return json.dumps(answer).encode()

    def count(self) -> Counter[str]:
        """Calls by function."""
        return Counter(function for function, _ in self.calls)

    def run(self, built: StateMachine, value: Any = None, **options: Any) -> Execution:
        """Run a machine to its end."""
        return self.engine.run(built, value, **options)

    def types(self, execution: Execution) -> list[str]:
        """The event types of an execution's history."""
        return [event["type"] for event in self.engine.history(execution.arn)]


def fails(error: str, cause: str = "", times: int = 10**9) -> Callable[[Any], Any]:
    """A function that fails that many times and then gives its input back."""
    left = [times]

    def function(value: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise TaskError(error, cause)
        return value

    return function
