"""An event bus like EventBridge, in one process: rules, targets, retries, dead letters, archives.

Accepting an event writes it and every delivery it owes to the store; only then the targets get
it. Deliveries left over by a crash are made by `deliver_due` after the restart. A target may get
an event more than once; the delivery's `name` is then the same.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from redress_local.events.entries import delivery_name, stamp, to_envelope
from redress_local.events.errors import (
    DeliveryError,
    DeliveryRefusedError,
    InvalidEventError,
    UnknownArchiveError,
    UnknownBusError,
    UnknownRuleError,
)
from redress_local.events.inputs import Shaper, compile_input
from redress_local.events.patterns import Predicate, compile_pattern
from redress_local.events.store import EventStore, Owed, Planned
from redress_local.template import Archive, Rule, Target, Template

_MAX_BACKOFF = 60.0
_DAY = 86_400.0

_log = logging.getLogger(__name__)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to a target.

    Attributes:
        name: The same for every attempt, and another one for every replay; 45 characters.
        input: What the target receives.
    """

    target: Target
    rule: Rule
    name: str
    input: Any
    event: dict[str, Any]


Send = Callable[[Delivery], None]
"""Hands an event to a target; raises `DeliveryError` when it does not take it."""


class _Armed(msgspec.Struct, frozen=True):
    """A rule with its pattern and inputs compiled."""

    rule: Rule
    matches: Predicate
    shapers: dict[str, Shaper]


class EventBus:
    """All buses of a template.

    Args:
        template: Where buses, rules and archives come from.
        store: What is owed, dead letters and archives.
        send: Hands an event to a target.
        now: Epoch seconds.
        new_id: Makes event ids.
    """

    def __init__(
        self,
        template: Template,
        store: EventStore,
        send: Send,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.store = store
        self._template = template
        self._send = send
        self._now = now
        self.new_id = new_id
        self._lock = threading.Lock()
        self._in_flight: set[int] = set()
        self._rules: dict[str, list[_Armed]] = {bus: [] for bus in template.buses}
        for rule in template.rules:
            if rule.bus not in self._rules:
                raise UnknownBusError(f"rule {rule.name}: there is no bus {rule.bus!r}")
            shapers = {target.target_id: compile_input(target.settings) for target in rule.targets}
            self._rules[rule.bus].append(_Armed(rule, compile_pattern(rule.pattern), shapers))
        self._armed = {armed.rule.name: armed for all_ in self._rules.values() for armed in all_}
        self._archives: list[tuple[Archive, Predicate]] = [
            (archive, compile_pattern(archive.pattern) if archive.pattern else lambda _: True)
            for archive in template.archives
        ]

    @property
    def buses(self) -> list[str]:
        """The names of all buses."""
        return list(self._rules)

    def rules_for(self, bus: str, event: Mapping[str, Any]) -> list[Rule]:
        """The enabled rules of a bus that match an event."""
        return [
            armed.rule for armed in self._rules[bus] if armed.rule.enabled and armed.matches(event)
        ]

    def put(
        self,
        entries: Sequence[Mapping[str, Any]],
        *,
        announces: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """Accept events and make the first attempt at every delivery.

        Args:
            entries: As PutEvents takes them: EventBusName, Source, DetailType, Detail (an object
                or its JSON text), Resources, Time. None is accepted unless all can be.
            announces: An execution whose end the event tells; told once only.
            ids: The events' ids, from `new_id`, to know what they start before they do.

        Returns:
            The ids of the events.

        Raises:
            InvalidEventError: An entry is not an event, or is too large.
            UnknownBusError: No such bus.
        """
        ids = [self.new_id() for _ in entries] if ids is None else ids
        envelopes = [
            (self._bus_of(entry), to_envelope(entry, event_id, self._now()))
            for entry, event_id in zip(entries, ids, strict=True)
        ]
        planned = [self._plan(bus, envelope) for bus, envelope in envelopes]
        if any(plan.deliveries or plan.archives for plan in planned):
            self._deliver(self.store.accept(planned, announces=announces))
        return [envelope["id"] for _, envelope in envelopes]

    def deliver_due(self) -> int:
        """Make every delivery that is due; returns how many were tried."""
        due = self.store.owed(self._now())
        return self._deliver(due)

    def replay(
        self,
        archive: str,
        name: str,
        *,
        since: float | None = None,
        until: float | None = None,
        rules: Sequence[str] = (),
        dry_run: bool = False,
    ) -> list[tuple[dict[str, Any], list[str]]]:
        """Put an archive's events on their bus again, each with `replay-name`.

        Args:
            archive: The archive's name.
            name: The replay's name.
            since: Epoch seconds of the first event wanted.
            until: Epoch seconds of the first event no longer wanted.
            rules: Only these rules get the events; all rules of the bus when empty.
            dry_run: Only tell what would happen.

        Returns:
            Each event with the names of the rules that it goes to.

        Raises:
            UnknownArchiveError: No such archive.
            UnknownRuleError: One of `rules` is not a rule of the archive's bus.
            InvalidEventError: The name is taken by an earlier replay.
        """
        source = self._archive(archive)
        known = {armed.rule.name for armed in self._rules[source.bus]}
        for rule in rules:
            if rule not in known:
                raise UnknownRuleError(f"bus {source.bus} has no rule {rule!r}")
        self._prune(source)
        plans = [
            self._plan(source.bus, {**event, "replay-name": name}, rules=rules)
            for event in self.store.archived(source.name, since, until)
        ]
        if not dry_run:
            if any(replay["name"] == name for replay in self.store.replays()):
                raise InvalidEventError(f"there is a replay {name!r} already")
            settings = json.dumps({"from": since, "to": until, "rules": list(rules)})
            record = (name, source.name, settings, self._now())
            self._deliver(self.store.accept(plans, replay=record))
        return [(plan.envelope, sorted({rule for rule, _, _ in plan.deliveries})) for plan in plans]

    def redrive(self) -> int:
        """Owe every dead letter to its target again and try; returns how many there were.

        Letters of rules and targets that the template no longer has stay where they are.
        """
        letters = [
            letter
            for letter in self.store.dead_letters()
            if self._target(letter.rule, letter.target) is not None
        ]
        now = self._now()
        for letter in letters:
            target = self._target(letter.rule, letter.target)
            assert target is not None
            deliveries = ((letter.rule, letter.target, now + target.max_age),)
            plan = Planned(envelope=letter.event, at=now, deliveries=deliveries)
            self._deliver(self.store.redrive(letter, plan))
        return len(letters)

    def archives(self) -> list[dict[str, Any]]:
        """Every archive of the template with what it holds."""
        for archive, _ in self._archives:
            self._prune(archive)
        sizes = self.store.archive_sizes()
        found = []
        for archive, _ in self._archives:
            events, size, first, last = sizes.get(archive.name, (0, 0, None, None))
            found.append(
                {
                    "name": archive.name,
                    "bus": archive.bus,
                    "retention_days": archive.retention_days,
                    "events": events,
                    "bytes": size,
                    "first": None if first is None else stamp(first),
                    "last": None if last is None else stamp(last),
                }
            )
        return found

    def _archive(self, name: str) -> Archive:
        for archive, _ in self._archives:
            if archive.name == name:
                return archive
        known = ", ".join(archive.name for archive, _ in self._archives) or "none"
        raise UnknownArchiveError(f"there is no archive {name!r}; there is: {known}")

    def _prune(self, archive: Archive) -> None:
        if archive.retention_days:
            self.store.prune(archive.name, self._now() - archive.retention_days * _DAY)

    def _bus_of(self, entry: Mapping[str, Any]) -> str:
        name = str(entry.get("EventBusName") or "default").rpartition("/")[2]
        if name not in self._rules:
            raise UnknownBusError(f"there is no bus {name!r}; there is: {', '.join(self._rules)}")
        return name

    def _plan(self, bus: str, envelope: dict[str, Any], *, rules: Sequence[str] = ()) -> Planned:
        now = self._now()
        deliveries = tuple(
            (rule.name, target.target_id, now + target.max_age)
            for rule in self.rules_for(bus, envelope)
            if not rules or rule.name in rules
            for target in rule.targets
        )
        replayed = "replay-name" in envelope
        archives = tuple(
            archive.name
            for archive, matches in self._archives
            if archive.bus == bus and not replayed and matches(envelope)
        )
        return Planned(envelope=envelope, at=now, deliveries=deliveries, archives=archives)

    def _target(self, rule: str, target_id: str) -> Target | None:
        armed = self._armed.get(rule)
        for target in armed.rule.targets if armed else ():
            if target.target_id == target_id:
                return target
        return None

    def _deliver(self, owed: Sequence[Owed]) -> int:
        tried = 0
        for one in owed:
            with self._lock:
                if one.key in self._in_flight:
                    continue
                self._in_flight.add(one.key)
            try:
                self._attempt(one)
                tried += 1
            finally:
                with self._lock:
                    self._in_flight.discard(one.key)
        return tried

    def _attempt(self, owed: Owed) -> None:
        armed = self._armed.get(owed.rule)
        target = self._target(owed.rule, owed.target)
        if armed is None or target is None:
            _log.warning("rule or target is gone", extra={"rule": owed.rule})
            self.store.give_up(owed, None, self._now(), "RULE_DELETED", "")
            return
        event = owed.envelope
        reserved = {
            "aws.events.rule-arn": armed.rule.arn,
            "aws.events.rule-name": armed.rule.name,
            "aws.events.event.ingestion-time": event["time"],
        }
        delivery = Delivery(
            target=target,
            rule=armed.rule,
            name=delivery_name(event, owed.rule, owed.target),
            input=armed.shapers[owed.target](event, reserved),
            event=event,
        )
        try:
            self._send(delivery)
        except DeliveryError as error:
            self._failed(owed, target, error)
        else:
            self.store.delivered(owed)

    def _failed(self, owed: Owed, target: Target, error: DeliveryError) -> None:
        now = self._now()
        exhausted = owed.attempts >= target.max_attempts or now >= owed.give_up_at
        if exhausted or isinstance(error, DeliveryRefusedError):
            _log.error(
                "event not delivered",
                extra={"rule": owed.rule, "target": target.arn, "error": error.code},
            )
            self.store.give_up(owed, target.dead_letter_arn, now, error.code, str(error))
        else:
            self.store.postpone(owed, now + min(_MAX_BACKOFF, 2.0**owed.attempts))
