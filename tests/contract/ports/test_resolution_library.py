"""The contract of a `ResolutionLibrary`: in every store, and in a knowledge base."""

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.aws.knowledge_base import KIND, KnowledgeBase, KnowledgeBaseResolutions
from redress.adapters.memory.repository import MemoryRepository
from redress.adapters.sqlite.repository import SqliteRepository, SqliteStore
from redress.adapters.sqlite.resolutions import StoredResolutions
from redress.models.base import parse
from redress.models.resolution import PastResolution
from redress.ports import Repository, ResolutionLibrary

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
MakeLibrary = Callable[[], ResolutionLibrary]


class Bedrock:
    """Both clients of one knowledge base, as far as documents come back; ranks by common words."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[str, dict[str, str]]] = {}

    def ingest_knowledge_base_documents(self, documents: list[Any], **_: str) -> Any:
        for document in documents:
            custom = document["content"]["custom"]
            attributes = document["metadata"]["inlineAttributes"]
            self.documents[custom["customDocumentIdentifier"]["id"]] = (
                custom["inlineContent"]["textContent"]["data"],
                {each["key"]: each["value"]["stringValue"] for each in attributes},
            )
        return {"documentDetails": [{"status": "STARTING"} for _ in documents]}

    def retrieve(self, **request: Any) -> Any:
        search = request["retrievalConfiguration"]["vectorSearchConfiguration"]
        wanted = set(re.findall("[a-z]{4}", request["retrievalQuery"]["text"].lower()))
        hits = [
            {
                "content": {"text": text},
                "location": {"type": "CUSTOM", "customDocumentLocation": {"id": name}},
                "score": len(wanted & set(re.findall("[a-z]{4}", text))),
                "metadata": metadata,
            }
            for name, (text, metadata) in self.documents.items()
            if metadata[KIND] == search["filter"]["equals"]["value"]
        ]
        hits.sort(key=lambda each: -each["score"])
        found = [each for each in hits if each["score"]]
        return {"retrievalResults": found[: search["numberOfResults"]]}


@pytest.fixture(params=["memory", "sqlite", "dynamodb", "knowledge base"])
def make_library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeLibrary]:
    """Return a function that makes libraries of the same resolutions."""
    if request.param == "knowledge base":
        bedrock = Bedrock()
        base = KnowledgeBase("KB00000001", "DS00000001", bedrock, bedrock)
        yield lambda: KnowledgeBaseResolutions(base)
    elif request.param == "sqlite":
        store = SqliteStore(tmp_path / "store.db")
        kept = SqliteRepository(store, "cases")
        yield lambda: StoredResolutions(kept)
        store.close()
    else:
        memory = request.param == "memory"
        make = MemoryRepository if memory else request.getfixturevalue("dynamodb_tables")
        records: Repository = make()
        yield lambda: StoredResolutions(records)


def resolution(case: str, reason: str, action: str = "refund_payment") -> PastResolution:
    return parse(
        PastResolution,
        {
            "resolution_id": hashlib.sha256(case.encode()).hexdigest()[:16],
            "closed_at": AT + timedelta(hours=len(case)),
            "actions": [{"action": action, "reason_code": reason, "state": "done"}],
        },
    )


CHARGED = resolution("case_1", "duplicate_charge")
MISSING = resolution("case_22", "missing_item", "reship_line")


def test_nothing_kept_nothing_found(make_library: MakeLibrary) -> None:
    assert make_library().search("charged twice", 3) == []


def test_what_one_keeps_all_find(make_library: MakeLibrary) -> None:
    reader, writer = make_library(), make_library()
    assert reader.search("a duplicate charge", 3) == []
    writer.keep(CHARGED)
    writer.keep(MISSING)
    (first, *_) = reader.search("a duplicate charge", 3)
    assert first.passage_id == f"resolution#{CHARGED.resolution_id}"
    assert "refund_payment for duplicate_charge: done" in first.text
    (first, *_) = reader.search("an item is missing", 3)
    assert first.passage_id == f"resolution#{MISSING.resolution_id}"


def test_again_it_changes_nothing(make_library: MakeLibrary) -> None:
    library = make_library()
    for _ in range(3):
        library.keep(CHARGED)
    assert len(library.search("a duplicate charge", 9)) == 1


@pytest.mark.parametrize("limit", [-1, 0, 1])
def test_limit(make_library: MakeLibrary, limit: int) -> None:
    library = make_library()
    library.keep(CHARGED)
    library.keep(resolution("case_333", "overcharged"))
    assert len(library.search("charge duplicate overcharged", limit)) == max(0, limit)


@pytest.mark.parametrize("text", ["", " ", "!?", '"', "你好", "\x00", "a" * 50_000])
def test_any_text_is_a_question(make_library: MakeLibrary, text: str) -> None:
    library = make_library()
    library.keep(CHARGED)
    assert library.search(text, 3) == []
