"""Counts who called what, so that what a function may do can be held against what it does."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

OPERATOR = "operator"
"""Whoever calls with a key that is no function's: a person, a test, the local cloud itself."""

MAX_ENTRIES = 10_000


class Calls(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How often somebody did one thing to one resource.

    `resource` is as the caller named it (name, ARN or id) and "" where the call names none.
    """

    principal: str
    service: str
    operation: str
    resource: str
    count: int


class CallLog:
    """Counts calls by principal, service, operation and resource; safe for several threads.

    Memory is bounded: once there are `MAX_ENTRIES` combinations, calls of a new one are only
    counted, in `overflow`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._principals: dict[str, str] = {}
        self._counts: dict[tuple[str, str, str, str], int] = {}
        self.overflow = 0

    def register(self, access_key_id: str, principal: str) -> None:
        """Say whose an access key id is: a function's name."""
        with self._lock:
            self._principals[access_key_id] = principal

    def principal(self, access_key_id: str) -> str:
        """Return who calls with an access key id."""
        return self._principals.get(access_key_id, OPERATOR)

    def record(
        self, access_key_id: str, service: str, operation: str, resources: Iterable[str]
    ) -> None:
        """Count one call, once for each resource that it names."""
        principal = self.principal(access_key_id)
        with self._lock:
            for resource in resources or ("",):
                entry = (principal, service, operation, resource)
                if entry in self._counts:
                    self._counts[entry] += 1
                elif len(self._counts) < MAX_ENTRIES:
                    self._counts[entry] = 1
                else:
                    self.overflow += 1

    def entries(self, principal: str | None = None) -> list[Calls]:
        """Return what was counted, in order, of one principal or of all."""
        with self._lock:
            counts = list(self._counts.items())
        return sorted(
            Calls(principal=who, service=service, operation=operation, resource=what, count=count)
            for (who, service, operation, what), count in counts
            if principal in (None, who)
        )

    def clear(self) -> None:
        """Forget the counts, not whose the keys are."""
        with self._lock:
            self._counts.clear()
            self.overflow = 0
