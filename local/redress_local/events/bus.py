"""An event bus like EventBridge, in one process: rules, targets, retries, dead letters, archives.

Accepting an event writes it and every delivery it owes to the store; only then the targets get
it. Deliveries left over by a crash are made by `deliver_due` after the restart. A target may get
an event more than once; the delivery's `name` is then the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redress_local.events.archives import Archives
from redress_local.events.delivery import DeadLetterQueues, Deliverer, Delivery, Send
from redress_local.events.entries import to_envelope
from redress_local.events.errors import (
    DeliveryRefusedError,
    EventsError,
    InvalidEventError,
    UnknownRuleError,
)
from redress_local.events.models import DEFAULT_BUS, Replay, Rule, bus_name
from redress_local.events.replays import Replays
from redress_local.events.rules import Rules
from redress_local.events.store import EventStore, Planned
from redress_local.events.template_rules import apply_template

if TYPE_CHECKING:
    from redress_local.template import Template

__all__ = ["Delivery", "EventBus", "Send"]

MAX_HOPS = 5
"""How many buses an event may be forwarded by; none takes the same event twice."""


class EventBus:
    """All buses of one account.

    Args:
        template: Buses, rules and archives to begin with; None begins with the default bus only.
        store: What is owed, dead letters and archives.
        send: Hands an event to a target that is not a bus.
        now: Epoch seconds.
        new_id: Makes event ids.
        workers: Threads that deliver; 0 delivers within `put`, in a fixed order.
        chance: A number from 0 to 1, for the jitter of pauses between attempts.
        queues: Takes dead letters; they stay in the store when None.

    Attributes:
        store: What is owed, dead letters and archives.
        rules: Buses, rules and targets, to be changed at any time.
        archiving: Archives, likewise.
        replays: Replays in the background.
        delivery: Makes the attempts.
    """

    def __init__(
        self,
        template: Template | None,
        store: EventStore,
        send: Send,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        workers: int = 0,
        chance: Callable[[], float] = lambda: 1.0,
        queues: DeadLetterQueues | None = None,
    ) -> None:
        self.store = store
        self._send = send
        self._now = now
        self.new_id = new_id
        self.rules = Rules(now)
        self.archiving = Archives(store, now)
        self.delivery = Deliverer(
            self.rules, store, self._hand_over, now=now, workers=workers, chance=chance,
            queues=queues,
        )  # fmt: skip
        self.replays = Replays(store, self.archiving, self.delivery, self.plan, now=now)
        if template is not None:
            apply_template(template, self.rules, self.archiving)

    @property
    def buses(self) -> list[str]:
        """The names of all buses."""
        return self.rules.buses

    def rules_for(self, bus: str, event: Mapping[str, Any]) -> list[Rule]:
        """The enabled rules of a bus that match an event."""
        return self.rules.matching(bus, event)

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
        planned = [
            self._entry(entry, event_id) for entry, event_id in zip(entries, ids, strict=True)
        ]
        self._accept(planned, announces=announces)
        return [plan.envelope["id"] for plan in planned]

    def put_each(self, entries: Sequence[Mapping[str, Any]]) -> list[str | EventsError]:
        """Accept the events among entries, in one commit; returns an id or an error for each."""
        results: list[str | EventsError] = []
        planned: list[Planned] = []
        for entry in entries:
            try:
                plan = self._entry(entry, self.new_id())
            except EventsError as error:
                results.append(error)
            else:
                planned.append(plan)
                results.append(plan.envelope["id"])
        self._accept(planned)
        return results

    def fire(self, rule: Rule, at: float) -> str:
        """Send a scheduled event to the targets of a rule; returns its id."""
        envelope = {
            **to_envelope(
                {"Source": "aws.events", "DetailType": "Scheduled Event", "Detail": {}},
                self.new_id(),
                at,
            ),
            "resources": [rule.arn],
        }
        self._accept([self._planned(rule.bus, envelope, [rule])])
        return str(envelope["id"])

    def deliver_due(self) -> int:
        """Make every delivery that is due; returns how many were tried."""
        return self.delivery.deliver_due()

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
        """Put an archive's events on their bus again at once, each with `replay-name`.

        Args:
            archive: The archive's name.
            name: The replay's name.
            since: Epoch seconds at which the first event wanted came.
            until: Epoch seconds at which the first event no longer wanted came.
            rules: Only these rules get the events; all rules of the bus when empty.
            dry_run: Only tell what would happen.

        Returns:
            Each event with the names of the rules that it goes to.

        Raises:
            UnknownArchiveError: No such archive.
            UnknownRuleError: One of `rules` is not a rule of the archive's bus.
            InvalidEventError: The name is taken by an earlier replay.
        """
        source = self.archiving.archive(archive)
        known = {rule.name for rule in self.rules.of_bus(source.bus)}
        for rule in rules:
            if rule not in known:
                raise UnknownRuleError(f"bus {source.bus} has no rule {rule!r}")
        self.archiving.prune(source)
        plans = [
            self.plan(source.bus, {**event, "replay-name": name}, only=rules)
            for event in self.store.archived(source.name, since, until)
        ]
        if not dry_run:
            if any(replay.name == name for replay in self.store.all_replays()):
                raise InvalidEventError(f"there is a replay {name!r} already")
            now = self._now()
            record = Replay(
                name=name, archive=source.name, bus=source.bus, start=since or 0.0,
                end=now if until is None else until, rules=tuple(rules), at=now,
                state="COMPLETED", events=len(plans), ended_at=now,
            )  # fmt: skip
            owed = self.store.accept(
                plans, replay=lambda execute: self.store.add_replay(execute, record)
            )
            self.delivery.deliver(owed)
        return [(plan.envelope, sorted({rule for rule, _, _ in plan.deliveries})) for plan in plans]

    def redrive(self) -> int:
        """Owe every dead letter of the store to its target again and try; returns how many.

        Letters of rules and targets that there are no longer stay where they are.
        """
        redriven = 0
        for letter in self.store.dead_letters():
            armed = self.rules.find(letter.bus, letter.rule)
            target = armed.target(letter.target) if armed else None
            if armed is None or target is None:
                continue
            now = self._now()
            plan = Planned(
                envelope=letter.event,
                at=now,
                bus=armed.rule.bus,
                deliveries=((letter.rule, letter.target, now + target.max_age),),
            )
            self.delivery.deliver(self.store.redrive(letter, plan))
            redriven += 1
        return redriven

    def archives(self) -> list[dict[str, Any]]:
        """Every archive with what it holds."""
        return self.archiving.contents()

    def close(self) -> None:
        """Stop replays and workers; what is owed stays in the store."""
        self.replays.close()
        self.delivery.close()

    def plan(
        self,
        bus: str,
        envelope: dict[str, Any],
        *,
        only: Sequence[str] = (),
        via: tuple[str, ...] = (),
    ) -> Planned:
        """What an event on a bus sets off: deliveries (by `only` these rules) and archives."""
        rules = [
            rule for rule in self.rules.matching(bus, envelope) if not only or rule.name in only
        ]
        return self._planned(bus, envelope, rules, self.archiving.taking(bus, envelope), via)

    def _planned(
        self,
        bus: str,
        envelope: dict[str, Any],
        rules: Sequence[Rule],
        archives: tuple[str, ...] = (),
        via: tuple[str, ...] = (),
    ) -> Planned:
        now = self._now()
        deliveries = tuple(
            (rule.name, target.target_id, now + target.max_age)
            for rule in rules
            for target in rule.targets
        )
        return Planned(
            envelope=envelope, at=now, deliveries=deliveries, archives=archives, bus=bus, via=via
        )

    def _entry(self, entry: Mapping[str, Any], event_id: str) -> Planned:
        bus = bus_name(str(entry.get("EventBusName") or DEFAULT_BUS))
        self.rules.bus(bus)
        return self.plan(bus, to_envelope(entry, event_id, self._now()))

    def _accept(self, planned: Sequence[Planned], *, announces: str | None = None) -> None:
        if any(plan.deliveries or plan.archives for plan in planned):
            self.delivery.deliver(self.store.accept(planned, announces=announces))

    def _hand_over(self, delivery: Delivery) -> None:
        arn = delivery.target.arn
        if not (arn.startswith("arn:aws:events:") and ":event-bus/" in arn):
            self._send(delivery)
            return
        name, path = bus_name(arn), (*delivery.via, delivery.rule.bus)
        if name not in self.rules.buses:
            raise DeliveryRefusedError("NO_RESOURCE", f"there is no event bus {name}")
        if name in path or len(path) > MAX_HOPS:
            raise DeliveryRefusedError(
                "RESOURCE_LIMIT_EXCEEDED", f"the event came by {' > '.join(path)} already"
            )
        self._accept([self.plan(name, delivery.event, via=path)])
