"""Who may want to hear of an execution's status, found out before the event is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redress_local.events.models import DEFAULT_BUS
from redress_local.events.patterns import compile_pattern

if TYPE_CHECKING:
    from redress_local.events.bus import EventBus

STATUS_CHANGE = "Step Functions Execution Status Change"


class Interest:
    """Knows of each status whether any rule of the default bus could match its event.

    A rule is asked only for what every event of the status has; so it may be thought to want an
    event that it does not, never the other way round.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._known: dict[str, bool] = {}
        bus.rules.on_change(self._forget)

    def takes(self, status: str) -> bool:
        """Whether an event of this status may go to a rule or into an archive."""
        if any(archive.bus == DEFAULT_BUS for archive in self._bus.archiving.all()):
            return True
        # Replaced, never emptied: what is found by rules that changed meanwhile is not kept.
        answers = self._known
        known = answers.get(status)
        if known is None:
            event = {
                "source": "aws.states",
                "detail-type": STATUS_CHANGE,
                "detail": {"status": status},
            }
            known = answers[status] = any(
                rule.enabled
                and rule.pattern is not None
                and compile_pattern(_reduced(rule.pattern))(event)
                for rule in self._bus.rules.of_bus(DEFAULT_BUS)
            )
        return known

    def _forget(self) -> None:
        self._known = {}


def _reduced(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a pattern that is about source, kind and status; the whole asks for no less."""
    reduced = {key: pattern[key] for key in ("source", "detail-type") if key in pattern}
    detail = pattern.get("detail")
    if isinstance(detail, Mapping) and "status" in detail:
        reduced["detail"] = {"status": detail["status"]}
    return reduced or {"source": [{"exists": True}]}
