"""Answers for a machine's tasks, from a file, so that it runs without its functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from asl_engine import (
    Engine,
    Integration,
    StateMachine,
    TaskError,
    TaskRequest,
    compile_machine,
)

INVOKE = "arn:aws:states:::lambda:invoke"
START_EXECUTION = "arn:aws:states:::states:startExecution"
_PATTERNS = (".waitForTaskToken", ".sync:2", ".sync")


class Mocks:
    """The answers by the name of a state, of a function or of a state machine.

    An answer is the result as JSON, or `{"error": NAME, "cause": TEXT}` to fail the task. A state's
    own entry goes before that of its function. For lambda:invoke the answer is the Payload.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self._engine: Engine | None = None
        self.missing: list[str] = []
        """The states that were called and had no answer, in the order of the calls."""

    def integrations(self, definition: Mapping[str, Any]) -> dict[str, Integration]:
        """One integration for each resource of the machine that is not the engine's own."""
        resources = {base_resource(state["Resource"]) for _, state in tasks_of(definition)}
        return {resource: self._answer for resource in resources if resource != START_EXECUTION}

    def attach(self, engine: Engine, definition: Mapping[str, Any]) -> None:
        """Lets token tasks be answered, and gives the machine's child machines.

        A child machine that is not known to the engine becomes one state that gives the answer.
        """
        self._engine = engine
        known = {machine.name for machine in engine.machines()}
        for name, state in tasks_of(definition):
            target = _target(state.get("Arguments"))
            if base_resource(state["Resource"]) != START_EXECUTION or target is None:
                continue
            short = short_name(target)
            answer = self._find(name, target)
            if short not in known and answer is not _NOTHING:
                engine.register(_child(target, answer))
                known.add(short)

    def _answer(self, request: TaskRequest) -> Any:
        is_function = ":function:" in request.resource
        target = (None if is_function else _target(request.arguments)) or request.resource
        answer = self._find(request.state_name, target)
        if answer is _NOTHING:
            self.missing.append(request.state_name)
            raise TaskError("Mock.NotFound", f"no mock for the state {request.state_name!r}")
        failure = _failure(answer)
        if request.token is not None and request.pattern == ".waitForTaskToken":
            self._complete(request.token, answer, failure)
            return {}
        if failure is not None:
            raise TaskError(*failure)
        if request.resource == INVOKE:
            return {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200}
        return answer

    def _complete(self, token: str, answer: Any, failure: tuple[str, str] | None) -> None:
        engine = self._engine
        assert engine is not None
        if failure is None:
            engine.send_task_success(token, answer)
        else:
            engine.send_task_failure(token, *failure)

    def _find(self, state_name: str, target: str) -> Any:
        for key in (state_name, target, short_name(target)):
            if key in self._answers:
                return self._answers[key]
        return _NOTHING


_NOTHING = object()


def tasks_of(definition: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The Task states of a valid definition, at every depth, with their names."""
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            yield name, state
        for branch in state.get("Branches", ()):
            yield from tasks_of(branch)
        if "ItemProcessor" in state:
            yield from tasks_of(state["ItemProcessor"])


def base_resource(resource: str) -> str:
    """A Resource without its pattern suffix."""
    for pattern in _PATTERNS:
        resource = resource.removesuffix(pattern)
    return resource


def short_name(target: str) -> str:
    """The name in the ARN of a function or a state machine; anything else as it is."""
    parts = target.split(":")
    return parts[6] if len(parts) > 6 and parts[5] in ("function", "stateMachine") else target


def _target(arguments: Any) -> str | None:
    """The function or state machine that a task's arguments name."""
    if not isinstance(arguments, Mapping):
        return None
    target = arguments.get("FunctionName", arguments.get("StateMachineArn"))
    return target if isinstance(target, str) else None


def _failure(answer: Any) -> tuple[str, str] | None:
    is_failure = (
        isinstance(answer, Mapping)
        and isinstance(answer.get("error"), str)
        and isinstance(answer.get("cause", ""), str)
        and answer.keys() <= {"error", "cause"}
    )
    return (answer["error"], answer.get("cause", "")) if is_failure else None


def _child(target: str, answer: Any) -> StateMachine:
    failure = _failure(answer)
    state: dict[str, Any]
    if failure is None:
        state = {"Type": "Pass", "Output": _literal(answer), "End": True}
    else:
        state = {"Type": "Fail", "Error": failure[0], "Cause": failure[1]}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Mock", "States": {"Mock": state}}
    arn = target if target.startswith("arn:") else None
    return compile_machine(definition, name=short_name(target), arn=arn)


def _literal(value: Any) -> Any:
    """A template that gives the value itself, even where a string looks like an expression."""
    if isinstance(value, str) and (value.startswith("{%") or value.endswith("%}")):
        # A JSON string is a JSONata string too; its last brace must not end the expression.
        return "{% " + json.dumps(value).replace("%}", "%\\u007d") + " %}"
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value
