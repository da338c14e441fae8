"""Past resolutions in any repository, searched with SQLite's full-text search."""

from datetime import timedelta
from threading import Lock
from typing import Annotated

import msgspec

from redress.adapters.resolutions import as_passage, says, search_words
from redress.adapters.sqlite.passages import Bm25Passages
from redress.models.base import Model, dump_json, parse_json
from redress.models.investigation import Passage
from redress.models.resolution import PastResolution
from redress.ports import Repository, Write

PARTITION = "resolutions"
"""The one partition of all of this, so that a right can be bound to it."""

HEAD = "head"
KEPT = "kept"

MAX_KEPT = 64
"""Resolutions kept: the newest that say something different."""

RENEWED_AFTER = timedelta(days=1)
"""A case that says what a newer one than this said adds nothing, and writes nothing."""


class _Kept(Model, frozen=True):
    """Newest first."""

    resolutions: Annotated[tuple[PastResolution, ...], msgspec.Meta(max_length=MAX_KEPT)] = ()


class _Head(Model, frozen=True):
    """A small record that is written whenever the large one is: its version tells of changes."""

    count: int


class StoredResolutions:
    """A `ResolutionLibrary` in two records of a repository.

    A warm process reads the small one, and the large one only after a change.
    """

    def __init__(self, records: Repository) -> None:
        """Use a repository; nothing is read yet."""
        self._records = records
        self._lock = Lock()
        self._version = 0
        self._passages: dict[str, Passage] = {}
        self._index: Bm25Passages | None = None

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best past resolutions for `text`, best first, with their scores.

        Raises:
            DependencyUnavailableError: the store did not answer.
        """
        with self._lock:
            head = self._records.get(PARTITION, HEAD)
            if head is None:
                return []
            if head.version != self._version or self._index is None:
                self._read()
            index, passages = self._index, self._passages
        assert index is not None
        found = index.search(text, limit)
        return [
            msgspec.structs.replace(passages[each.passage_id], score=each.score) for each in found
        ]

    def keep(self, resolution: PastResolution) -> None:
        """Keep a resolution among the newest; again, or for what is known, it changes nothing.

        Raises:
            ConflictError: another write came first; decide again.
            DependencyUnavailableError: the store did not answer.
        """
        stored = self._records.get(PARTITION, KEPT)
        before = parse_json(_Kept, stored.document).resolutions if stored else ()
        after = kept_with(before, resolution)
        if after == before:
            return
        version = stored.version if stored else 0
        documents = {KEPT: _Kept(after), HEAD: _Head(len(after))}
        self._records.commit(
            [
                Write(
                    partition=PARTITION,
                    sort=sort,
                    document=dump_json(document),
                    expected_version=version,
                )
                for sort, document in documents.items()
            ]
        )

    def _read(self) -> None:
        stored = self._records.get(PARTITION, KEPT)
        resolutions = parse_json(_Kept, stored.document).resolutions if stored else ()
        self._passages = {p.passage_id: p for p in map(as_passage, resolutions)}
        self._index = Bm25Passages(
            Passage(as_passage(each).passage_id, search_words(each), "") for each in resolutions
        )
        self._version = stored.version if stored else 0


def kept_with(
    kept: tuple[PastResolution, ...], resolution: PastResolution
) -> tuple[PastResolution, ...]:
    """Return what is kept once a resolution has come, newest first.

    Of those that say the same one is kept, replaced by one that is at least a day younger.
    """
    for each in kept:
        if each.resolution_id == resolution.resolution_id:
            return kept
        if says(each) == says(resolution):
            if resolution.closed_at < each.closed_at + RENEWED_AFTER:
                return kept
            kept = tuple(other for other in kept if other is not each)
            break
    ordered = sorted(
        (*kept, resolution), key=lambda each: (each.closed_at, each.resolution_id), reverse=True
    )
    return tuple(ordered[:MAX_KEPT])
