"""A repository in memory, for tests and dry runs."""

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

from redress.adapters.limits import check_writes, conflict
from redress.ports import Record, Write


class MemoryRepository:
    """A `Repository` that forgets everything with its process; safe for several threads."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Record]] = {}
        self._index_of: dict[tuple[str, str], str] = {}
        self._indexed: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._lock = Lock()

    def get(self, partition: str, sort: str) -> Record | None:
        """Read one record."""
        with self._lock:
            return self._records.get(partition, {}).get(sort)

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        """Read the records of a partition whose sort key starts with `prefix`, in key order."""
        with self._lock:
            found = self._records.get(partition, {})
            return [found[sort] for sort in sorted(found) if sort.startswith(prefix)]

    def by_index(self, index: str) -> list[Record]:
        """Read the records filed under `index`, ordered by key."""
        with self._lock:
            keys = sorted(self._indexed.get(index, ()))
            return [self._records[partition][sort] for partition, sort in keys]

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none.

        Raises:
            ConflictError: a record has another version than the one expected.
            InvalidInputError: the writes break the limits in adapters/limits.
        """
        check_writes(writes)
        with self._lock:
            for write in writes:
                current = self._records.get(write.partition, {}).get(write.sort)
                if (current.version if current else 0) != write.expected_version:
                    raise conflict(write)
            for write in writes:
                self._apply(write)

    def _apply(self, write: Write) -> None:
        key = (write.partition, write.sort)
        self._records.setdefault(write.partition, {})[write.sort] = Record(
            partition=write.partition,
            sort=write.sort,
            document=write.document,
            version=write.expected_version + 1,
        )
        previous = self._index_of.pop(key, None)
        if previous is not None:
            self._indexed[previous].discard(key)
        if write.index is not None:
            self._index_of[key] = write.index
            self._indexed[write.index].add(key)
