"""The state machines, versions and aliases that the API has made, kept in the engine's journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from asl_engine.api.protocol import ApiError
from asl_engine.journal import Journal
from asl_engine.program import STANDARD

_log = logging.getLogger(__name__)
_PREFIX = "stateMachine/"


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A definition and a role, which change together.

    Attributes:
        id: AWS's revisionId; empty for the one that the machine was created with.
        key: What the engine calls the definition.
    """

    id: str
    definition: str
    role: str
    key: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A published version; times are epoch seconds."""

    number: int
    revision: Revision
    description: str | None
    created_at: float


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A version that an alias leads to, and the percentage of the executions that it gets."""

    version: int
    weight: int


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias; times are epoch seconds."""

    name: str
    description: str | None
    routes: list[Route]
    created_at: float
    updated_at: float


class Entry(msgspec.Struct, kw_only=True):
    """A state machine.

    Attributes:
        published: The number of the last version; numbers are never used again.
        settings: loggingConfiguration, tracingConfiguration and encryptionConfiguration.
        created_with: The publish and versionDescription that it was created with.
        deleting: Whether nothing may be started or changed any more.
    """

    name: str
    arn: str
    kind: str = STANDARD
    revision: Revision
    created_at: float
    updated_at: float
    published: int = 0
    versions: dict[int, Version] = {}
    aliases: dict[str, Alias] = {}
    settings: dict[str, Any] = {}
    tags: dict[str, str] = {}
    created_with: tuple[bool, str | None] = (False, None)
    deleting: bool = False


class Catalogue:
    """Entries by ARN; what changes is written to the journal before the lock is let go."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[str, Entry] = {}
        self.lock = threading.RLock()
        for name, content in journal.resources().items():
            if name.startswith(_PREFIX):
                try:
                    entry = msgspec.json.decode(content, type=Entry)
                except msgspec.MsgspecError as error:
                    _log.warning("the journal's %s cannot be read: %s", name, error)
                else:
                    self._entries[entry.arn] = entry

    def find(self, arn: str) -> Entry | None:
        """The entry of an ARN without a qualifier."""
        return self._entries.get(arn)

    def get(self, arn: str) -> Entry:
        """The entry of an ARN without a qualifier.

        Raises:
            ApiError: `StateMachineDoesNotExist`.
        """
        entry = self._entries.get(arn)
        if entry is None:
            raise missing(arn)
        return entry

    def all(self) -> list[Entry]:
        """Every entry."""
        with self.lock:
            return list(self._entries.values())

    @contextmanager
    def change(self, arn: str) -> Iterator[Entry]:
        """Change an entry: nothing of it happens if the block raises.

        Raises:
            ApiError: `StateMachineDoesNotExist` or `StateMachineDeleting`.
        """
        with self.lock:
            entry = self.get(arn)
            if entry.deleting:
                raise ApiError("StateMachineDeleting", f"State Machine is deleting: '{arn}'")
            changed = msgspec.structs.replace(
                entry,
                versions=dict(entry.versions),
                aliases=dict(entry.aliases),
                settings=dict(entry.settings),
                tags=dict(entry.tags),
            )
            yield changed
            self.save(changed)

    def save(self, entry: Entry) -> None:
        """Write an entry, new or changed."""
        with self.lock:
            self._journal.save_resource(_PREFIX + entry.arn, msgspec.json.encode(entry))
            self._entries[entry.arn] = entry

    def remove(self, arn: str) -> None:
        """Forget an entry."""
        with self.lock:
            self._journal.save_resource(_PREFIX + arn, None)
            self._entries.pop(arn, None)


def missing(arn: str) -> ApiError:
    """The error for a machine that is not there."""
    return ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn:.256}'")
