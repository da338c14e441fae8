"""The compiled form of a definition: states with their expressions compiled once.

A `Scope` is a set of states with a start: a machine, a Parallel branch or a Map's item
processor. Nothing here changes after `compile_machine`; any number of executions share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from asl_engine.codec import encode
from asl_engine.expressions import Template

STANDARD = "STANDARD"
EXPRESS = "EXPRESS"
DEFAULT_ROLE = "arn:aws:iam::000000000000:role/asl-engine"


class Field:
    """One field of a state that may hold expressions.

    Attributes:
        name: The field's name in the definition, for error messages.
        static: Whether no expression is inside, so that `value` is always the result.
        value: The result when static.
        json: The result as JSON when static.
        needs_context: Whether it reads the context object.
    """

    __slots__ = ("json", "name", "needs_context", "static", "template", "value")

    def __init__(self, name: str, template: Template) -> None:
        self.name = name
        self.template = template
        self.static = template.is_static
        read = template.references.states_fields
        self.needs_context = "context" in read or "*" in read
        self.value: Any = template.evaluate({}) if self.static else None
        self.json: bytes = encode(self.value) if self.static else b""


@dataclass(slots=True, frozen=True)
class Retrier:
    """One entry of `Retry`; times in seconds."""

    matches: Callable[[str], bool]
    interval: float
    backoff_rate: float
    max_attempts: int
    max_delay: float | None
    full_jitter: bool


@dataclass(slots=True, frozen=True)
class Transition:
    """Where a state, a Choice rule or a catcher leads, with its own Assign and Output.

    `next` is None where the scope ends.
    """

    next: str | None
    assign: Field | None
    output: Field | None


@dataclass(slots=True, frozen=True)
class Catcher:
    """One entry of `Catch`."""

    matches: Callable[[str], bool]
    then: Transition


@dataclass(slots=True, frozen=True)
class Rule:
    """One entry of a Choice state's `Choices`."""

    condition: Field
    then: Transition


@dataclass(slots=True, kw_only=True)
class State:
    """What all states have."""

    name: str
    type: str
    then: Transition
    entered_event: str = ""
    exited_event: str = ""

    def __post_init__(self) -> None:
        self.entered_event = f"{self.type}StateEntered"
        self.exited_event = f"{self.type}StateExited"


@dataclass(slots=True, kw_only=True)
class PassState(State):
    """Pass and Succeed: an Output and nothing else."""


@dataclass(slots=True, kw_only=True)
class FailState(State):
    """Fail."""

    error: Field | None
    cause: Field | None


@dataclass(slots=True, kw_only=True)
class ChoiceState(State):
    """Choice; `then` is the Default, and `has_default` says whether there is one."""

    rules: tuple[Rule, ...]
    has_default: bool


@dataclass(slots=True, kw_only=True)
class WaitState(State):
    """Wait: one of `seconds` and `timestamp` is set."""

    seconds: Field | None
    timestamp: Field | None


@dataclass(slots=True, kw_only=True)
class RetryableState(State):
    """What Task, Parallel and Map share."""

    retry: tuple[Retrier, ...]
    catch: tuple[Catcher, ...]


@dataclass(slots=True, kw_only=True)
class TaskState(RetryableState):
    """Task.

    Attributes:
        resource: The Resource without its pattern suffix: the key in the registry.
        pattern: `""`, `".sync"`, `".sync:2"` or `".waitForTaskToken"`.
        resource_type: What histories call the service: `lambda`, `aws-sdk:dynamodb`.
        action: What histories call the resource: `invoke.waitForTaskToken`.
    """

    resource: str
    pattern: str
    arguments: Field | None
    timeout: Field | None
    heartbeat: Field | None
    resource_type: str = ""
    action: str = ""

    def __post_init__(self) -> None:
        RetryableState.__post_init__(self)
        prefix = "arn:aws:states:::"
        if self.resource.startswith(prefix):
            kind, _, action = self.resource[len(prefix) :].rpartition(":")
            self.resource_type, self.action = kind, action + self.pattern
        else:
            self.resource_type, self.action = "lambda", self.resource

    @property
    def waits_for_token(self) -> bool:
        """Whether somebody completes the task by its token."""
        return self.pattern == ".waitForTaskToken"


@dataclass(slots=True, kw_only=True)
class ParallelState(RetryableState):
    """Parallel."""

    arguments: Field | None
    branches: tuple[Scope, ...]


@dataclass(slots=True, kw_only=True)
class MapState(RetryableState):
    """Map, inline."""

    items: Field | None
    item_selector: Field | None
    max_concurrency: Field | None
    tolerated_count: Field | None
    tolerated_percentage: Field | None
    processor: Scope


@dataclass(slots=True)
class Scope:
    """States that run one after another, with variables of their own.

    Attributes:
        has_tasks: Whether a Task is inside, at any depth, so that running it can take time.
    """

    start_at: str
    states: dict[str, State]
    has_tasks: bool = False


@dataclass(slots=True)
class StateMachine:
    """A compiled state machine.

    Attributes:
        name: Its name, as in its ARN.
        arn: `arn:aws:states:us-east-1:000000000000:stateMachine:NAME` unless given.
        definition: The definition after substitutions, as JSON.
        timeout: `TimeoutSeconds` of the machine, or None.
        resources: Every registry key that its tasks use, with the place of the first use.
        role_arn: The role that its executions are said to have.
        kind: `STANDARD` or `EXPRESS`.
        key: What names the ARN and the definition together, for the journal.
        region: The ARN's region.
    """

    name: str
    arn: str
    definition: bytes
    program: Scope
    timeout: float | None
    resources: Mapping[str, str] = field(default_factory=dict)
    role_arn: str = DEFAULT_ROLE
    kind: str = STANDARD
    key: str = field(init=False, repr=False)
    region: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = hashlib.sha256(self.arn.encode() + b"\n" + self.definition).hexdigest()
        parts = self.arn.split(":")
        self.region = (parts[3] if len(parts) > 3 else "") or "us-east-1"

    def execution_arn(self, execution_name: str) -> str:
        """The ARN of an execution of this machine; another one at each call for EXPRESS."""
        if self.kind == EXPRESS:
            arn = self.arn.replace(":stateMachine:", ":express:")
            return f"{arn}:{execution_name}:{uuid4()}"
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution_name}"
