"""Fires scheduled rules when their time has come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from redress_local.events.bus import EventBus

_LONGEST_PAUSE = 60.0
_log = logging.getLogger(__name__)


class ScheduleRunner:
    """Fires the enabled rules of the default bus that have a schedule.

    A rate counts from when the rule was put or enabled. Times that passed while nothing ran are
    not made up for: a rule that is overdue fires once.

    Args:
        bus: Whose rules.
        now: Epoch seconds.
    """

    def __init__(self, bus: EventBus, *, now: Callable[[], float]) -> None:
        self._bus = bus
        self._now = now
        # Per rule: what it was when its next time was found, and that time.
        self._next: dict[str, tuple[str, float, float | None]] = {}
        self._firing = threading.Lock()
        self._changed = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        bus.rules.on_change(self._changed.set)

    def fire_due(self) -> list[str]:
        """Fire every rule whose time has come; returns the ids of the events."""
        fired: list[str] = []
        with self._firing:
            now = self._now()
            scheduled = self._bus.rules.scheduled()
            for armed in scheduled:
                rule, schedule = armed.rule, armed.schedule
                assert schedule is not None
                assert rule.schedule is not None
                kept = self._next.get(rule.name)
                if kept is None or kept[:2] != (rule.schedule, rule.since):
                    kept = (rule.schedule, rule.since, schedule(rule.since, rule.since))
                due = kept[2]
                if due is not None and due <= now:
                    fired.append(self._bus.fire(rule, due))
                    kept = (rule.schedule, rule.since, schedule(rule.since, max(now, due)))
                self._next[rule.name] = kept
            names = {armed.rule.name for armed in scheduled}
            self._next = {name: kept for name, kept in self._next.items() if name in names}
        return fired

    def next_due(self) -> float | None:
        """When the next rule fires, as far as `fire_due` knew the rules; None for never."""
        times = [at for _, _, at in self._next.values() if at is not None]
        return min(times, default=None)

    def start(self) -> None:
        """Fire in a thread from now on."""
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop at once."""
        self._stopped = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopped:
            self._changed.clear()
            try:
                self.fire_due()
            except Exception:  # noqa: BLE001 - see below
                # The thread's boundary: one rule that breaks must not silence all others.
                _log.exception("scheduled rules could not be fired")
            due = self.next_due()
            if not self._stopped:
                pause = _LONGEST_PAUSE if due is None else max(0.0, due - self._now())
                self._changed.wait(min(_LONGEST_PAUSE, pause))
