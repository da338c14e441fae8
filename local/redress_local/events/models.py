"""What an event bus consists of: buses, rules, targets, archives and replays."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from redress_local.template_values import ACCOUNT, REGION

DEFAULT_BUS = "default"
MAX_ATTEMPTS = 185
MAX_AGE = 86_400

ReplayState = Literal["STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"]


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    """An event bus.

    Attributes:
        statements: Permissions by statement id; kept and shown, never enforced.
        at: Epoch seconds of its creation.
        settings: Further settings as CreateEventBus had them.
    """

    name: str
    at: float
    changed_at: float
    description: str = ""
    statements: dict[str, dict[str, Any]] = {}
    settings: dict[str, Any] = {}

    @property
    def arn(self) -> str:
        """The ARN of the bus."""
        return bus_arn(self.name)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule sends its events to.

    Attributes:
        settings: `Input`, `InputPath` or `InputTransformer`, where given.
        max_attempts: Retries after the first attempt.
        max_age: Seconds after which a delivery is given up.
        dead_letter_arn: The queue for what could not be delivered; None drops it.
        message_group_id: For a fifo queue.
        given: All that PutTargets was given, to tell it back.
    """

    target_id: str
    arn: str
    settings: dict[str, Any] = {}
    max_attempts: int = MAX_ATTEMPTS
    max_age: int = MAX_AGE
    dead_letter_arn: str | None = None
    message_group_id: str | None = None
    given: dict[str, Any] = {}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a bus.

    Attributes:
        pattern: Which events it takes; None for a rule that has only a schedule.
        pattern_text: The pattern as it was given.
        schedule: `rate(...)` or `cron(...)`, on the default bus only.
        since: Epoch seconds since when it is as it is, targets aside: a rate counts from then.
    """

    name: str
    bus: str
    pattern: dict[str, Any] | None
    enabled: bool = True
    targets: tuple[Target, ...] = ()
    pattern_text: str | None = None
    schedule: str | None = None
    description: str | None = None
    role_arn: str | None = None
    since: float = 0.0

    @property
    def arn(self) -> str:
        """The ARN of the rule."""
        return rule_arn(self.bus, self.name)


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of a bus; `retention_days` 0 keeps events for ever."""

    name: str
    bus: str
    pattern: dict[str, Any] | None
    retention_days: int
    at: float
    pattern_text: str | None = None
    description: str | None = None

    @property
    def arn(self) -> str:
        """The ARN of the archive."""
        return archive_arn(self.name)


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay of an archive; times are epoch seconds.

    Attributes:
        rules: ARNs of the only rules that get the events; all of the bus when empty.
        start: The time of the first event wanted.
        end: The time of the last event wanted.
        at: When it was started.
        last: The time of the event replayed last.
        cursor: The id of the event replayed last.
        events: How many were replayed.
    """

    name: str
    archive: str
    bus: str
    start: float
    end: float
    at: float
    rules: tuple[str, ...] = ()
    description: str | None = None
    state: ReplayState = "STARTING"
    reason: str | None = None
    last: float | None = None
    cursor: str = ""
    events: int = 0
    ended_at: float | None = None

    @property
    def arn(self) -> str:
        """The ARN of the replay."""
        return _arn(f"replay/{self.name}")

    @property
    def active(self) -> bool:
        """Whether it is neither over nor cancelled."""
        return self.state in {"STARTING", "RUNNING", "CANCELLING"}


def bus_arn(name: str) -> str:
    """The ARN of a bus."""
    return _arn(f"event-bus/{name}")


def archive_arn(name: str) -> str:
    """The ARN of an archive."""
    return _arn(f"archive/{name}")


def rule_arn(bus: str, name: str) -> str:
    """The ARN of a rule."""
    return _arn(f"rule/{name}" if bus == DEFAULT_BUS else f"rule/{bus}/{name}")


def bus_name(name_or_arn: str | None) -> str:
    """The name of a bus; the default bus when none is named."""
    return (name_or_arn or DEFAULT_BUS).rpartition("/")[2]


def _arn(resource: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:{resource}"
