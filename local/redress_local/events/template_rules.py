"""Makes a template's buses, rules, targets and archives on a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redress_local.events.models import DEFAULT_BUS, Target

if TYPE_CHECKING:
    from redress_local.events.archives import Archives
    from redress_local.events.rules import Rules
    from redress_local.template import Template


def apply_template(template: Template, rules: Rules, archives: Archives) -> None:
    """Make all that a template has.

    Raises:
        UnknownBusError: A rule names a bus that the template lacks.
        InvalidPatternError, InvalidTargetError: EventBridge would refuse a rule.
    """
    for bus in template.buses:
        if bus != DEFAULT_BUS:
            rules.create_bus(bus)
    for rule in template.rules:
        rules.put_rule(rule.name, bus=rule.bus, pattern=rule.pattern, enabled=rule.enabled)
        targets = [
            Target(
                target_id=target.target_id,
                arn=target.arn,
                settings=target.settings,
                max_attempts=target.max_attempts,
                max_age=target.max_age,
                dead_letter_arn=target.dead_letter_arn,
            )
            for target in rule.targets
        ]
        rules.put_targets(rule.name, targets, rule.bus)
    for archive in template.archives:
        archives.create(
            archive.name,
            archive.bus,
            pattern=archive.pattern,
            retention_days=archive.retention_days,
        )
