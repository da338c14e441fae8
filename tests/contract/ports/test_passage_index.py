"""The contract of a `PassageIndex`."""

from pathlib import Path

import pytest
from redress.adapters.memory.passages import OverlapPassages
from redress.adapters.passages import read_passages
from redress.adapters.sqlite.passages import Bm25Passages
from redress.ports import PassageIndex

PASSAGES = read_passages(Path(__file__).parents[3] / "policies")


@pytest.fixture(params=[OverlapPassages, Bm25Passages])
def index(request: pytest.FixtureRequest) -> PassageIndex:
    found: PassageIndex = request.param(PASSAGES)
    return found


def test_best_first(index: PassageIndex) -> None:
    found = index.search("delivery grace in days beyond the promised date", 5)
    assert found[0].passage_id == "refund-policy#delivery-grace"
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert {p.text for p in found} <= {p.text for p in PASSAGES}


@pytest.mark.parametrize("limit", [0, 1, 3, 100])
def test_limit(index: PassageIndex, limit: int) -> None:
    assert len(index.search("refund", limit)) <= limit


@pytest.mark.parametrize("text", ["", "!?", '"', "zzz", "你好", "\x00", "NEAR(", "a" * 50_000])
def test_what_matches_nothing(index: PassageIndex, text: str) -> None:
    assert index.search(text, 3) == []


def test_the_same_question_has_the_same_answer(index: PassageIndex) -> None:
    assert index.search("refund a parcel", 4) == index.search("refund a parcel", 4)
