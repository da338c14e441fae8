"""Retrieval over given passages by the words that they share with a text."""

from collections.abc import Iterable

import msgspec

from redress.adapters.passages import words
from redress.models.investigation import Passage


class OverlapPassages:
    """A `PassageIndex` that scores a passage by how many of the text's words it holds."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Index passages."""
        self._passages = [(p, frozenset(words(f"{p.title} {p.text}"))) for p in passages]

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best passages for `text`, best first, with their scores."""
        wanted = set(words(text))
        scored = [(len(wanted & held), passage) for passage, held in self._passages]
        best = sorted((s for s in scored if s[0]), key=lambda s: -s[0])[: max(0, limit)]
        return [msgspec.structs.replace(p, score=float(count)) for count, p in best]
