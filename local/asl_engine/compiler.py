"""From a definition to a `StateMachine`: validated, then compiled into closures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from asl_engine import program
from asl_engine.codec import encode
from asl_engine.errors import InvalidDefinitionError, InvalidNameError
from asl_engine.expressions import compile_template
from asl_engine.matching import error_matcher
from asl_engine.program import Catcher, Field, Retrier, Rule, Scope, State, StateMachine, Transition
from asl_engine.source import substitute
from asl_engine.validation import validate

ACCOUNT = "arn:aws:states:us-east-1:000000000000"
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,80}\Z")
# The longest that AWS lets an EXPRESS execution run.
_EXPRESS_SECONDS = 300
_PATTERNS = (".waitForTaskToken", ".sync:2", ".sync")


def check_name(name: str, what: str) -> str:
    """A state machine or execution name that AWS takes.

    Raises:
        InvalidNameError: It is empty, too long or has characters that an ARN does not hold.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidNameError(
            f"{name!r:.100} is not {what} name: use 1 to 80 of A-Z a-z 0-9 - _ ."
        )
    return name


def compile_machine(
    definition: Mapping[str, Any] | str | bytes,
    *,
    name: str,
    arn: str | None = None,
    role_arn: str = program.DEFAULT_ROLE,
    kind: str = program.STANDARD,
    substitutions: Mapping[str, Any] | None = None,
) -> StateMachine:
    """Validate and compile a definition.

    Args:
        definition: The definition, as an object or as JSON text.
        name: The machine's name.
        arn: Its ARN; made from the name when left out.
        role_arn: The role that its executions are said to have.
        kind: `STANDARD` or `EXPRESS`; the latter's executions last at most five minutes.
        substitutions: Values for `${Name}` placeholders.

    Raises:
        InvalidDefinitionError: The definition has errors; every one of them is listed.
        DefinitionFileError: A placeholder has no value.
    """
    check_name(name, "a state machine")
    if isinstance(definition, (str, bytes)):
        # Malformed JSON is the validator's to report, so it is passed on as it is.
        try:
            definition = msgspec.json.decode(definition)
        except (msgspec.DecodeError, RecursionError):
            raise InvalidDefinitionError(validate(definition)) from None
    if substitutions is not None:
        definition = substitute(definition, substitutions)
    diagnostics = validate(definition)
    if any(str(d.severity).upper().endswith("ERROR") for d in diagnostics):
        raise InvalidDefinitionError(diagnostics)
    assert isinstance(definition, Mapping)
    resources: dict[str, str] = {}
    timeout = definition.get("TimeoutSeconds")
    if kind == program.EXPRESS:
        timeout = min(timeout or _EXPRESS_SECONDS, _EXPRESS_SECONDS)
    return StateMachine(
        name=name,
        arn=arn or f"{ACCOUNT}:stateMachine:{name}",
        definition=encode(definition),
        program=_scope(definition, "", resources),
        timeout=timeout,
        resources=resources,
        role_arn=role_arn,
        kind=kind,
    )


def _scope(body: Mapping[str, Any], location: str, resources: dict[str, str]) -> Scope:
    states = {
        name: _state(name, state, f"{location}/States/{name}", resources)
        for name, state in body["States"].items()
    }
    return Scope(body["StartAt"], states, any(_has_tasks(state) for state in states.values()))


def _has_tasks(state: State) -> bool:
    match state:
        case program.TaskState():
            return True
        case program.ParallelState():
            return any(branch.has_tasks for branch in state.branches)
        case program.MapState():
            return state.processor.has_tasks
    return False


def _field(body: Mapping[str, Any], key: str) -> Field | None:
    return Field(key, compile_template(body[key])) if key in body else None


def _transition(body: Mapping[str, Any], target: str = "Next") -> Transition:
    return Transition(body.get(target), _field(body, "Assign"), _field(body, "Output"))


def _state(name: str, body: Mapping[str, Any], location: str, resources: dict[str, str]) -> State:
    kind = body["Type"]
    then = _transition(body, "Default" if kind == "Choice" else "Next")
    common: dict[str, Any] = {"name": name, "type": kind, "then": then}
    if kind in {"Task", "Parallel", "Map"}:
        common["retry"] = tuple(_retrier(entry) for entry in body.get("Retry", []))
        common["catch"] = tuple(
            Catcher(error_matcher(entry["ErrorEquals"]), _transition(entry))
            for entry in body.get("Catch", [])
        )
    match kind:
        case "Task":
            resource, pattern = split_resource(body["Resource"])
            resources.setdefault(body["Resource"], location)
            return program.TaskState(
                **common,
                resource=resource,
                pattern=pattern,
                arguments=_field(body, "Arguments"),
                timeout=_field(body, "TimeoutSeconds"),
                heartbeat=_field(body, "HeartbeatSeconds"),
            )
        case "Parallel":
            return program.ParallelState(
                **common,
                arguments=_field(body, "Arguments"),
                branches=tuple(
                    _scope(branch, f"{location}/Branches/{index}", resources)
                    for index, branch in enumerate(body["Branches"])
                ),
            )
        case "Map":
            return program.MapState(
                **common,
                items=_field(body, "Items"),
                item_selector=_field(body, "ItemSelector"),
                max_concurrency=_field(body, "MaxConcurrency"),
                tolerated_count=_field(body, "ToleratedFailureCount"),
                tolerated_percentage=_field(body, "ToleratedFailurePercentage"),
                processor=_scope(body["ItemProcessor"], f"{location}/ItemProcessor", resources),
            )
        case "Choice":
            rules = tuple(
                Rule(Field("Condition", compile_template(rule["Condition"])), _transition(rule))
                for rule in body["Choices"]
            )
            return program.ChoiceState(**common, rules=rules, has_default="Default" in body)
        case "Wait":
            return program.WaitState(
                **common, seconds=_field(body, "Seconds"), timestamp=_field(body, "Timestamp")
            )
        case "Fail":
            return program.FailState(
                **common, error=_field(body, "Error"), cause=_field(body, "Cause")
            )
    return program.PassState(**common)


def _retrier(body: Mapping[str, Any]) -> Retrier:
    return Retrier(
        matches=error_matcher(body["ErrorEquals"]),
        interval=body.get("IntervalSeconds", 1),
        backoff_rate=body.get("BackoffRate", 2.0),
        max_attempts=body.get("MaxAttempts", 3),
        max_delay=body.get("MaxDelaySeconds"),
        full_jitter=body.get("JitterStrategy", "NONE") == "FULL",
    )


def split_resource(resource: str) -> tuple[str, str]:
    """A Resource as its registry key and its pattern suffix."""
    for pattern in _PATTERNS:
        if resource.endswith(pattern):
            return resource[: -len(pattern)], pattern
    return resource, ""
