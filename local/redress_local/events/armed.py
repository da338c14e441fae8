"""A rule made ready: pattern, schedule and inputs compiled, targets checked."""

from __future__ import annotations

import msgspec

from redress_local.events.errors import InvalidTargetError
from redress_local.events.inputs import Shaper, compile_input
from redress_local.events.models import MAX_AGE, MAX_ATTEMPTS, Rule, Target
from redress_local.events.patterns import Predicate
from redress_local.events.schedules import Schedule

_MIN_AGE = 60


class Armed(msgspec.Struct, frozen=True):
    """A rule with its pattern, schedule and inputs compiled.

    Attributes:
        matches: None for a rule that has only a schedule.
        schedule: None for a rule without one.
        shapers: By target id.
    """

    rule: Rule
    matches: Predicate | None
    schedule: Schedule | None
    shapers: dict[str, Shaper]

    def target(self, target_id: str) -> Target | None:
        """The target of an id, if the rule has it."""
        return next((t for t in self.rule.targets if t.target_id == target_id), None)


def checked_shaper(target: Target) -> Shaper:
    """What shapes a target's input, once the target is checked.

    Raises:
        InvalidTargetError: EventBridge would refuse the target.
    """
    shaper = compile_input(target.settings)
    if ":event-bus/" in target.arn and target.settings:
        raise InvalidTargetError("a bus as a target takes the event as it is")
    if not 0 <= target.max_attempts <= MAX_ATTEMPTS:
        raise InvalidTargetError(f"MaximumRetryAttempts is 0 to {MAX_ATTEMPTS}")
    if not _MIN_AGE <= target.max_age <= MAX_AGE:
        raise InvalidTargetError(f"MaximumEventAgeInSeconds is {_MIN_AGE} to {MAX_AGE}")
    if target.arn.endswith(".fifo") and target.message_group_id is None:
        raise InvalidTargetError(
            f"Parameter(s) SqsParameters must be specified for target: {target.target_id}."
        )
    return shaper
