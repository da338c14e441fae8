"""Buses, their rules and the rules' targets: made, changed and looked up at any time.

Everything kept here is immutable and replaced as a whole, so looking up needs no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from redress_local.events.armed import Armed, checked_shaper
from redress_local.events.errors import (
    ExistsError,
    InvalidRequestError,
    LimitError,
    UnknownBusError,
    UnknownRuleError,
)
from redress_local.events.models import DEFAULT_BUS, Bus, Rule, Target
from redress_local.events.patterns import compile_pattern
from redress_local.events.schedules import parse_schedule

MAX_TARGETS = 5
MAX_RULES = 300
MAX_BUSES = 100


class Rules:
    """All buses with their rules.

    Args:
        now: Epoch seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buses: dict[str, Bus] = {}
        self._rules: dict[str, dict[str, Armed]] = {}
        self._listeners: list[Callable[[], None]] = []
        self.create_bus(DEFAULT_BUS)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a function after every change of a rule."""
        self._listeners.append(listener)

    # Buses

    @property
    def buses(self) -> list[str]:
        """The names of all buses, in the order of their creation."""
        return list(self._buses)

    def bus(self, name: str) -> Bus:
        """A bus by name.

        Raises:
            UnknownBusError: There is none.
        """
        found = self._buses.get(name)
        if found is None:
            raise UnknownBusError(
                f"there is no event bus {name!r:.80}; there is: {', '.join(self._buses)}"
            )
        return found

    def create_bus(
        self, name: str, *, description: str = "", settings: Mapping[str, Any] | None = None
    ) -> Bus:
        """Make a bus.

        Raises:
            ExistsError: The name is taken.
            InvalidRequestError: The name holds a slash.
            LimitError: There are as many as an account may have.
        """
        if "/" in name:
            raise InvalidRequestError("the name of an event bus does not contain '/'")
        now = self._now()
        bus = Bus(
            name=name,
            at=now,
            changed_at=now,
            description=description,
            settings=dict(settings or {}),
        )
        with self._lock:
            if name in self._buses:
                raise ExistsError(f"event bus {name} already exists")
            if len(self._buses) >= MAX_BUSES:
                raise LimitError(f"an account has at most {MAX_BUSES} event buses")
            self._rules = {**self._rules, name: {}}
            self._buses = {**self._buses, name: bus}
        return bus

    def change_bus(self, name: str, **fields: Any) -> Bus:
        """Replace fields of a bus."""
        with self._lock:
            bus = replace(self.bus(name), changed_at=self._now(), **fields)
            self._buses = {**self._buses, name: bus}
        return bus

    def delete_bus(self, name: str) -> None:
        """Delete a bus; one that does not exist is deleted already.

        Raises:
            InvalidRequestError: It is the default bus, or has rules.
        """
        if name == DEFAULT_BUS:
            raise InvalidRequestError(f"the event bus {name} can't be deleted")
        with self._lock:
            if self._rules.get(name):
                raise InvalidRequestError(f"the event bus {name} can't be deleted: it has rules")
            self._buses = {key: bus for key, bus in self._buses.items() if key != name}
            self._rules = {key: rules for key, rules in self._rules.items() if key != name}

    # Rules

    def put_rule(
        self,
        name: str,
        *,
        bus: str = DEFAULT_BUS,
        pattern: dict[str, Any] | None = None,
        pattern_text: str | None = None,
        schedule: str | None = None,
        enabled: bool = True,
        description: str | None = None,
        role_arn: str | None = None,
    ) -> Rule:
        """Make a rule, or replace one; its targets stay.

        Raises:
            InvalidPatternError, InvalidScheduleError: EventBridge would refuse it.
            InvalidRequestError: Neither pattern nor schedule, or a schedule on another bus.
            UnknownBusError: No such bus.
            LimitError: The bus has as many rules as it may have.
        """
        if pattern is None and schedule is None:
            raise InvalidRequestError("a rule has an EventPattern or a ScheduleExpression")
        if schedule is not None and bus != DEFAULT_BUS:
            raise InvalidRequestError(
                "ScheduleExpression is supported only on the default event bus."
            )
        matches = None if pattern is None else compile_pattern(pattern)
        parsed = None if schedule is None else parse_schedule(schedule)
        rule = Rule(
            name=name,
            bus=bus,
            pattern=pattern,
            pattern_text=pattern_text,
            schedule=schedule,
            enabled=enabled,
            description=description,
            role_arn=role_arn,
            since=self._now(),
        )
        with self._lock:
            self.bus(bus)
            old = self._rules[bus].get(name)
            if old is None and len(self._rules[bus]) >= MAX_RULES:
                raise LimitError(f"an event bus has at most {MAX_RULES} rules")
            targets = old.rule.targets if old else ()
            shapers = old.shapers if old else {}
            self._keep(Armed(replace(rule, targets=targets), matches, parsed, shapers))
        self._changed()
        return rule

    def rule(self, name: str, bus: str = DEFAULT_BUS) -> Rule:
        """A rule by name.

        Raises:
            UnknownBusError, UnknownRuleError: There is none.
        """
        return self._armed(name, bus).rule

    def of_bus(self, bus: str) -> list[Rule]:
        """All rules of a bus.

        Raises:
            UnknownBusError: No such bus.
        """
        self.bus(bus)
        return [armed.rule for armed in self._rules[bus].values()]

    def set_enabled(self, name: str, bus: str = DEFAULT_BUS, *, enabled: bool) -> None:
        """Enable or disable a rule; a disabled one takes nothing."""
        with self._lock:
            armed = self._armed(name, bus)
            if armed.rule.enabled != enabled:
                rule = replace(armed.rule, enabled=enabled, since=self._now())
                self._keep(replace(armed, rule=rule))
        self._changed()

    def delete_rule(self, name: str, bus: str = DEFAULT_BUS) -> None:
        """Delete a rule; one that does not exist is deleted already.

        Raises:
            UnknownBusError: No such bus.
            InvalidRequestError: It has targets.
        """
        with self._lock:
            self.bus(bus)
            armed = self._rules[bus].get(name)
            if armed is not None and armed.rule.targets:
                raise InvalidRequestError("Rule can't be deleted since it has targets.")
            rest = {key: rule for key, rule in self._rules[bus].items() if key != name}
            self._rules = {**self._rules, bus: rest}
        self._changed()

    # Targets

    def put_targets(self, rule: str, targets: Sequence[Target], bus: str = DEFAULT_BUS) -> None:
        """Add targets to a rule, or replace those of the same id; all of them or none.

        Raises:
            UnknownBusError, UnknownRuleError: No such rule.
            InvalidTargetError: EventBridge would refuse one.
            LimitError: The rule would have more than five.
        """
        shapers = {target.target_id: checked_shaper(target) for target in targets}
        with self._lock:
            armed = self._armed(rule, bus)
            merged = {target.target_id: target for target in (*armed.rule.targets, *targets)}
            if len(merged) > MAX_TARGETS:
                raise LimitError(f"rule {rule} would have more than {MAX_TARGETS} targets")
            changed = replace(armed.rule, targets=tuple(merged.values()))
            self._keep(replace(armed, rule=changed, shapers={**armed.shapers, **shapers}))

    def remove_targets(self, rule: str, ids: Sequence[str], bus: str = DEFAULT_BUS) -> list[str]:
        """Take targets off a rule; returns the ids that it does not have.

        Raises:
            UnknownBusError, UnknownRuleError: No such rule.
        """
        with self._lock:
            armed = self._armed(rule, bus)
            left = tuple(t for t in armed.rule.targets if t.target_id not in ids)
            shapers = {t.target_id: armed.shapers[t.target_id] for t in left}
            self._keep(replace(armed, rule=replace(armed.rule, targets=left), shapers=shapers))
        return [one for one in ids if one not in armed.shapers]

    # Looking up

    def matching(self, bus: str, event: Mapping[str, Any]) -> list[Rule]:
        """The enabled rules of a bus that match an event.

        Raises:
            UnknownBusError: No such bus.
        """
        self.bus(bus)
        return [
            armed.rule
            for armed in self._rules[bus].values()
            if armed.rule.enabled and armed.matches is not None and armed.matches(event)
        ]

    def find(self, bus: str, name: str) -> Armed | None:
        """A rule, if it exists; on any bus when `bus` is empty, as older stores have it."""
        if bus:
            return self._rules.get(bus, {}).get(name)
        return next((rules[name] for rules in self._rules.values() if name in rules), None)

    def scheduled(self) -> list[Armed]:
        """The enabled rules that have a schedule."""
        rules = self._rules[DEFAULT_BUS].values()
        return [armed for armed in rules if armed.schedule is not None and armed.rule.enabled]

    def _armed(self, name: str, bus: str) -> Armed:
        self.bus(bus)
        armed = self._rules[bus].get(name)
        if armed is None:
            raise UnknownRuleError(f"Rule {name} does not exist on EventBus {bus}.")
        return armed

    def _keep(self, armed: Armed) -> None:
        bus = armed.rule.bus
        self._rules = {**self._rules, bus: {**self._rules[bus], armed.rule.name: armed}}

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
