"""Retrieval over the policy's prose with SQLite's full-text search, in memory."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import msgspec

from redress.adapters.passages import read_passages, words
from redress.models.investigation import Passage

MAX_QUERY_WORDS = 64
"""Different words of a text that are searched for; customers can write very long texts."""

MAX_QUERY_CHARACTERS = 8_000

_TITLE_WEIGHT = 3.0


class Bm25Passages:
    """A `PassageIndex`: BM25 over title and text, words stemmed, titles weighing more."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Index passages."""
        self._passages = tuple(passages)
        self._lock = Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(title, text, tokenize='porter unicode61')"
        )
        self._connection.executemany(
            "INSERT INTO passage (rowid, title, text) VALUES (?, ?, ?)",
            [(row, p.title, p.text) for row, p in enumerate(self._passages)],
        )

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Bm25Passages":
        """Index the sections of all `*.md` files of a folder.

        Raises:
            InvalidInputError: there is nothing to index.
        """
        return cls(read_passages(folder))

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best passages for `text`, best first, with their scores.

        Any text is a query for its words; what they would mean to the search engine is ignored.
        Passages that share no word with it are not returned.
        """
        terms = list(dict.fromkeys(words(text[:MAX_QUERY_CHARACTERS])))[:MAX_QUERY_WORDS]
        # A quoted string is always a word to FTS5, and \w+ holds no quote.
        query = " OR ".join(f'"{term}"' for term in terms)
        if not query or limit <= 0:
            return []
        with self._lock:
            rows = self._connection.execute(
                "SELECT rowid, bm25(passage, ?, 1.0) FROM passage WHERE passage MATCH ?"
                " ORDER BY 2, rowid LIMIT ?",
                (_TITLE_WEIGHT, query, limit),
            ).fetchall()
        return [
            msgspec.structs.replace(self._passages[row], score=round(-score, 4))
            for row, score in rows
        ]
