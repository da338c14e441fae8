"""Delivers what the store owes to targets: retries with backoff, and dead letters.

Inline, the caller's thread makes each attempt. With workers, a bounded pool does: what does not
fit into its queue stays in the store until there is room, so memory does not grow with a backlog.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from redress_local.events.armed import Armed
from redress_local.events.entries import delivery_name, stamp
from redress_local.events.errors import DeliveryError, DeliveryRefusedError
from redress_local.events.models import Rule, Target
from redress_local.events.rules import Rules
from redress_local.events.store import EventStore, Owed

MAX_BACKOFF = 60.0
_MAX_IN_FLIGHT = 1000
_MAX_MESSAGE = 1000
# What SQS does not take in a message attribute.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_log = logging.getLogger(__name__)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to a target.

    Attributes:
        name: The same for every attempt, and another one for every replay; 45 characters.
        input: What the target receives.
        via: The buses that the event came by before the rule's.
    """

    target: Target
    rule: Rule
    name: str
    input: Any
    event: dict[str, Any]
    via: tuple[str, ...] = ()


Send = Callable[[Delivery], None]
"""Hands an event to a target; raises `DeliveryError` when it does not take it."""


class DeadLetterQueues(Protocol):
    """Puts undeliverable events on the queues that targets name."""

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> None:
        """Put a message on a queue; any exception means that it is not there."""


class Deliverer:
    """Makes the attempts.

    Args:
        rules: Where targets are looked up, as they are at the time of the attempt.
        store: What is owed.
        send: Hands an event to a target.
        now: Epoch seconds.
        workers: Threads that deliver; 0 delivers in the thread of the caller.
        chance: A number from 0 to 1; shortens each pause by up to half.
        queues: Takes dead letters; they stay in the store when None.
    """

    def __init__(
        self,
        rules: Rules,
        store: EventStore,
        send: Send,
        *,
        now: Callable[[], float],
        workers: int = 0,
        chance: Callable[[], float] = lambda: 1.0,
        queues: DeadLetterQueues | None = None,
    ) -> None:
        self._rules = rules
        self._store = store
        self._send = send
        self._now = now
        self._chance = chance
        self._queues = queues
        self._workers = workers
        self._changed = threading.Condition()
        self._in_flight: set[int] = set()
        self._waiting: queue.SimpleQueue[Owed | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._left_over = False
        self._wake_at: float | None = None
        self._closed = False

    @property
    def inline(self) -> bool:
        """Whether deliveries are made in the thread of the caller."""
        return self._workers == 0

    def deliver(self, owed: Sequence[Owed]) -> int:
        """Make one attempt at each, or hand them to the workers; returns how many were taken."""
        taken = 0
        for one in owed:
            with self._changed:
                if one.key in self._in_flight:
                    continue
                if not self.inline:
                    if self._closed:
                        break
                    if len(self._in_flight) >= _MAX_IN_FLIGHT:
                        self._left_over = True
                        break
                    self._start()
                self._in_flight.add(one.key)
            taken += 1
            if not self.inline:
                self._waiting.put(one)
                continue
            try:
                self._attempt(one)
            finally:
                with self._changed:
                    self._in_flight.discard(one.key)
        return taken

    def deliver_due(self) -> int:
        """Try, or hand to the workers, every delivery that is due; returns how many."""
        due = self._store.owed(self._now(), -1 if self.inline else 2 * _MAX_IN_FLIGHT)
        taken = self.deliver(due)
        if not self.inline and not self._closed:
            with self._changed:
                self._start()
            later = self._store.next_due(self._now())
            if later is not None:
                self._wake(later)
        return taken

    def wait_idle(self, timeout: float, at_most: int = 0) -> bool:
        """Wait until at most so many deliveries are with the workers; returns whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._in_flight) <= at_most, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Stop the workers; attempts that were begun are finished, the rest stays in the store."""
        with self._changed:
            self._closed = True
            threads, self._threads = self._threads, []
            self._changed.notify_all()
        for _ in threads:
            self._waiting.put(None)
        for thread in threads:
            thread.join(timeout)

    # Workers

    def _start(self) -> None:
        if self._threads:
            return
        self._threads = [
            threading.Thread(target=self._work, name=f"events-{n}", daemon=True)
            for n in range(self._workers)
        ]
        self._threads.append(threading.Thread(target=self._pump, name="events-due", daemon=True))
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._closed:
            one = self._waiting.get()
            if one is None:
                return
            if self._closed:
                # Left in the store, where the next process finds it.
                continue
            try:
                # Another worker may have made it between its reading and its taking.
                if self._store.is_owed(one):
                    self._attempt(one)
            except Exception:  # noqa: BLE001 - see below
                # The worker's boundary: the delivery stays owed and is tried again later.
                _log.exception("delivery broke", extra={"rule": one.rule, "target": one.target})
                self._wake(self._now() + MAX_BACKOFF)
            finally:
                with self._changed:
                    self._in_flight.discard(one.key)
                    self._changed.notify_all()

    def _wake(self, at: float) -> None:
        with self._changed:
            if self._wake_at is None or at < self._wake_at:
                self._wake_at = at
                self._changed.notify_all()

    def _pump(self) -> None:
        """Hand deliveries to the workers as they fall due, and those that had no room before."""
        while True:
            with self._changed:
                while not self._closed and not self._is_time():
                    pause = None if self._wake_at is None else self._wake_at - self._now()
                    self._changed.wait(pause)
                if self._closed:
                    return
                self._left_over, self._wake_at = False, None
            try:
                self.deliver_due()
            except Exception:  # noqa: BLE001 - see below
                # The thread's boundary: without it nothing would ever be tried again.
                _log.exception("deliveries that are due could not be read")
                self._wake(self._now() + 1.0)

    def _is_time(self) -> bool:
        if self._wake_at is not None and self._wake_at <= self._now():
            return True
        return self._left_over and len(self._in_flight) <= _MAX_IN_FLIGHT // 2

    # One attempt

    def _attempt(self, owed: Owed) -> None:
        armed = self._rules.find(owed.bus, owed.rule)
        target = armed.target(owed.target) if armed else None
        if armed is None or target is None:
            _log.warning("rule or target is gone", extra={"rule": owed.rule})
            self._store.give_up(owed, None, self._now(), "RULE_DELETED", "")
            return
        try:
            self._send(self._delivery(owed, armed, target))
        except DeliveryError as error:
            self._failed(owed, armed.rule, target, error)
        except Exception as error:  # noqa: BLE001 - see below
            # The boundary to other services: what breaks them must not lose or repeat for ever.
            _log.exception("target broke", extra={"rule": owed.rule, "target": target.arn})
            broken = DeliveryError("INTERNAL_ERROR", f"{type(error).__name__}: {error}")
            self._failed(owed, armed.rule, target, broken)
        else:
            self._store.delivered(owed)

    def _delivery(self, owed: Owed, armed: Armed, target: Target) -> Delivery:
        event = owed.envelope
        reserved = {
            "aws.events.rule-arn": armed.rule.arn,
            "aws.events.rule-name": armed.rule.name,
            "aws.events.event.ingestion-time": stamp(owed.at) if owed.at else event["time"],
        }
        return Delivery(
            target=target,
            rule=armed.rule,
            name=delivery_name(event, owed.rule, owed.target, owed.via),
            input=armed.shapers[owed.target](event, reserved),
            event=event,
            via=owed.via,
        )

    def _failed(self, owed: Owed, rule: Rule, target: Target, error: DeliveryError) -> None:
        now = self._now()
        exhausted = None
        if owed.attempts >= target.max_attempts:
            exhausted = "MaximumRetryAttempts"
        elif now >= owed.give_up_at:
            exhausted = "MaximumEventAgeInSeconds"
        if isinstance(error, DeliveryRefusedError):
            self._give_up(owed, rule, target, error, None)
        elif exhausted:
            self._give_up(owed, rule, target, error, exhausted)
        else:
            pause = min(MAX_BACKOFF, 2.0**owed.attempts) * (1 + self._chance()) / 2
            self._store.postpone(owed, now + pause)
            if not self.inline:
                self._wake(now + pause)

    def _give_up(
        self, owed: Owed, rule: Rule, target: Target, error: DeliveryError, exhausted: str | None
    ) -> None:
        arn = target.dead_letter_arn
        about = {"rule": owed.rule, "target": target.arn, "error": error.code}
        _log.error("event not delivered" if arn else "event dropped: no queue", extra=about)
        if arn is not None and self._queues is not None:
            attributes = {
                "RULE_ARN": rule.arn,
                "TARGET_ARN": target.arn,
                "ERROR_CODE": error.code,
                "ERROR_MESSAGE": _UNPRINTABLE.sub("?", str(error)[:_MAX_MESSAGE]) or error.code,
                "RETRY_ATTEMPTS": str(owed.attempts),
            }
            if exhausted:
                attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
            body = msgspec.json.encode(owed.envelope).decode()
            try:
                self._queues.send_message(arn, body, attributes)
            except Exception:  # noqa: BLE001 - see below
                # Whatever ails the queue, the event must not be lost: the store keeps it.
                _log.exception("dead-letter queue did not take an event", extra=about)
            else:
                self._store.delivered(owed)
                return
        self._store.give_up(owed, arn, self._now(), error.code, str(error))
