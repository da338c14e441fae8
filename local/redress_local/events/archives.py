"""Archives of buses: which there are, what they take, and how much they hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from redress_local.events.entries import stamp
from redress_local.events.errors import ExistsError, UnknownArchiveError
from redress_local.events.models import Archive
from redress_local.events.patterns import Predicate, compile_pattern
from redress_local.events.store import EventStore

_DAY = 86_400.0


class Archives:
    """All archives; the events themselves are in the store."""

    def __init__(self, store: EventStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._archives: dict[str, tuple[Archive, Predicate]] = {}

    def create(
        self,
        name: str,
        bus: str,
        *,
        pattern: dict[str, Any] | None = None,
        pattern_text: str | None = None,
        retention_days: int = 0,
        description: str | None = None,
    ) -> Archive:
        """Make an archive of a bus, which exists.

        Raises:
            ExistsError: The name is taken.
            InvalidPatternError: EventBridge would refuse the pattern.
        """
        archive = Archive(
            name=name,
            bus=bus,
            pattern=pattern,
            pattern_text=pattern_text,
            retention_days=retention_days,
            description=description,
            at=self._now(),
        )
        with self._lock:
            if name in self._archives:
                raise ExistsError(f"Archive {name} already exists.")
            self._archives = {**self._archives, name: (archive, _predicate(archive))}
        return archive

    def update(self, name: str, **fields: Any) -> Archive:
        """Change the pattern, its text, the retention or the description of an archive.

        Raises:
            UnknownArchiveError: No such archive.
            InvalidPatternError: EventBridge would refuse the pattern.
        """
        with self._lock:
            archive = replace(self.archive(name), **fields)
            self._archives = {**self._archives, name: (archive, _predicate(archive))}
        return archive

    def delete(self, name: str) -> None:
        """Delete an archive with all that it holds.

        Raises:
            UnknownArchiveError: No such archive.
        """
        with self._lock:
            self.archive(name)
            self._archives = {key: kept for key, kept in self._archives.items() if key != name}
        self._store.empty_archive(name)

    def archive(self, name: str) -> Archive:
        """An archive by name.

        Raises:
            UnknownArchiveError: There is none.
        """
        found = self._archives.get(name)
        if found is None:
            known = ", ".join(self._archives) or "none"
            raise UnknownArchiveError(f"there is no archive {name!r:.80}; there is: {known}")
        return found[0]

    def all(self) -> list[Archive]:
        """Every archive."""
        return [archive for archive, _ in self._archives.values()]

    def taking(self, bus: str, event: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the archives of a bus that keep an event; none keeps a replayed one."""
        if "replay-name" in event:
            return ()
        return tuple(
            archive.name
            for archive, matches in self._archives.values()
            if archive.bus == bus and matches(event)
        )

    def prune(self, archive: Archive) -> None:
        """Drop what an archive has kept for long enough."""
        if archive.retention_days:
            self._store.prune(archive.name, self._now() - archive.retention_days * _DAY)

    def contents(self) -> list[dict[str, Any]]:
        """Every archive with what it holds."""
        for archive in self.all():
            self.prune(archive)
        sizes = self._store.archive_sizes()
        found = []
        for archive in self.all():
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


def _predicate(archive: Archive) -> Predicate:
    return compile_pattern(archive.pattern) if archive.pattern else lambda _: True
