"""The folder of a local cloud: its files, its lock, and which shop it was seeded with."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
from redress.adapters.sqlite.repository import Durability, SqliteStore

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

OnCommit = Callable[[int], None]
"""Called after every durable commit with the number of commits so far."""

STORE_PARTS = ("records.db", "journal.db", "events.db")
"""The databases that every seeded store has."""

_VERSION = 1
_LOCK_PAUSE = 0.05


class StoreError(Exception):
    """The folder cannot be used as a store.

    StoreError
    ├── StoreBusyError      another process works in it
    └── ForeignShopError    it was seeded with another shop
    """


class StoreBusyError(StoreError):
    """Another process works in the store."""


class ForeignShopError(StoreError):
    """The store was seeded with another shop than the one asked for."""


class StoreInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `store.json` says.

    Attributes:
        version: Of the store's layout.
        shop_digest: SHA-256 of the shop document that the store was seeded with.
        shop_as_of: The shop's own present, RFC 3339.
    """

    version: int
    shop_digest: str
    shop_as_of: str


class CommitCounter:
    """Counts the durable commits of all parts of a store: executions, records and events."""

    def __init__(self, hook: OnCommit | None) -> None:
        self._hook = hook
        self.count = 0

    def __call__(self, _: int = 0) -> None:
        """One more commit is durable."""
        self.count += 1
        if self._hook is not None:
            self._hook(self.count)


class CountedStore(SqliteStore):
    """A `SqliteStore` that tells of each commit."""

    def __init__(self, path: Path, synchronous: Durability, committed: CommitCounter) -> None:
        super().__init__(path, synchronous)
        self._committed = committed

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Like `SqliteStore.transaction`, and tell of it once it is durable."""
        with super().transaction() as connection:
            yield connection
        self._committed()


class StoreFolder:
    """A store's folder, held by one process at a time.

    The lock is the operating system's: it ends with the process, however that ends.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 10.0) -> None:
        """Make the folder if needed and lock it.

        Raises:
            StoreBusyError: Another process held it for all of `wait_seconds`.
            StoreError: It cannot be made or is no store of this version.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] = (path / "lock").open("ab")
        except OSError as error:
            raise StoreError(f"{path}: cannot be used as a store: {error.strerror}") from None
        self._acquire(wait_seconds)
        self.info = read_info(path)
        self._check_parts()

    def _check_parts(self) -> None:
        """Refuse a store that lost a part: an empty one in its place would deny all that was."""
        if self.info is None:
            return
        for file in (self.path / name for name in STORE_PARTS):
            # What was written last may still be in the write-ahead log only.
            ahead = file.with_name(f"{file.name}-wal")
            if not file.is_file() or not (file.stat().st_size or ahead.is_file()):
                self._lock.close()
                raise StoreError(f"{file}: is missing or empty, so the store is damaged")

    def _acquire(self, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > deadline:
                    self._lock.close()
                    raise StoreBusyError(
                        f"{self.path}: another redress process works in this store"
                    ) from None
                time.sleep(_LOCK_PAUSE)
            else:
                return

    @property
    def journal(self) -> Path:
        """Executions and their histories."""
        return self.path / "journal.db"

    @property
    def records(self) -> Path:
        """Orders, payments, stock, cases: a table for each repository."""
        return self.path / "records.db"

    @property
    def events(self) -> Path:
        """Deliveries owed, dead letters, archives."""
        return self.path / "events.db"

    @property
    def log(self) -> Path:
        """Warnings and unexpected errors."""
        return self.path / "redress.log"

    def remember(self, info: StoreInfo) -> None:
        """Write `store.json`, whole or not at all."""
        temporary = self.path / "store.json.new"
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(info))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / "store.json")
        self.info = info

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.close()


def read_info(path: Path) -> StoreInfo | None:
    """What a store says of itself; None when it was never seeded.

    Raises:
        StoreError: `store.json` is damaged or of another version.
    """
    file = path / "store.json"
    try:
        info = msgspec.json.decode(file.read_bytes(), type=StoreInfo)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from None
    if info.version != _VERSION:
        raise StoreError(f"{path}: a store of version {info.version}; this program has {_VERSION}")
    return info


def new_info(digest: str, as_of: str) -> StoreInfo:
    """What `store.json` will say of a store of this version."""
    return StoreInfo(version=_VERSION, shop_digest=digest, shop_as_of=as_of)
