"""Cutting prose into passages, and searching with any text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.adapters.passages import read_passages
from redress.adapters.sqlite.passages import Bm25Passages
from redress.errors import InvalidInputError

POLICIES = Path(__file__).parents[4] / "policies"
INDEX = Bm25Passages.from_folder(POLICIES)

OPERATORS = st.sampled_from(
    ["AND", "OR", "NOT", "NEAR(a b)", '"', "'", "*", "^", "title:", "{", "}", "-", "+", "(", ";--"]
)


def test_sections_of_the_policy() -> None:
    passages = {p.passage_id: p for p in read_passages(POLICIES)}
    assert list(passages) == [
        "refund-policy#duplicate-charges",
        "refund-policy#missing-items",
        "refund-policy#orders-not-delivered",
        "refund-policy#delivery-grace",
        "refund-policy#overcharges",
        "refund-policy#promised-refunds",
        "refund-policy#wrong-items",
        "refund-policy#when-nothing-is-wrong",
        "refund-policy#replacements",
        "refund-policy#approval-thresholds",
        "refund-policy#caps",
        "refund-policy#what-we-never-do",
    ]
    assert passages["refund-policy#delivery-grace"].title == "Delivery grace"
    assert all(len(p.text) > 80 for p in passages.values())


def test_several_files(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("intro\n# B\nabove\n## Übung & Co. ##\ntext\n", "utf-8")
    (tmp_path / "a.md").write_text("## One\n\n1\n### Two: 2\n\n2\n", "utf-8")
    found = [(p.passage_id, p.title, p.text) for p in read_passages(tmp_path)]
    assert found == [
        ("a#one", "One", "1"),
        ("a#two-2", "Two: 2", "2"),
        ("b#übung-co", "Übung & Co.", "text"),
    ]


@pytest.mark.parametrize("content", [None, b"no headings", b"## A\n1\n## a!\n2", b"\xff"])
def test_folders_without_a_policy(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.md").write_bytes(content)
    with pytest.raises(InvalidInputError):
        read_passages(tmp_path)


def test_words_are_stemmed_and_titles_weigh_more() -> None:
    assert INDEX.search("duplicated charge", 1)[0].passage_id == "refund-policy#duplicate-charges"
    scores = [p.score for p in INDEX.search("the parcel is missing an item", 5)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 5


@given(st.lists(st.text() | OPERATORS, max_size=30).map(" ".join))
def test_any_text_is_a_query(text: str) -> None:
    found = INDEX.search(text, 3)
    assert len(found) <= 3


def test_a_very_long_text() -> None:
    text = "duplicate charge " + " ".join(f"word{n}" for n in range(100_000))
    assert INDEX.search(text, 1)[0].passage_id == "refund-policy#duplicate-charges"


@pytest.mark.parametrize(("text", "limit"), [("", 3), ("  ?!", 3), ("charge", 0), ("charge", -1)])
def test_nothing_asked_nothing_found(text: str, limit: int) -> None:
    assert INDEX.search(text, limit) == []
