"""GatherContext: the passages that matter, for any statement."""

from pathlib import Path
from typing import Any

import pytest
from redress.adapters.memory.passages import OverlapPassages
from redress.adapters.sqlite.passages import Bm25Passages
from redress.errors import DependencyUnavailableError
from redress.models.case import CaseRequest
from redress.steps.gather_context import LIMIT, gather_context

INDEX = Bm25Passages.from_folder(Path(__file__).parents[4] / "policies")


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("You charged my card twice for one order!", "duplicate-charges"),
        ("One item is missing from the parcel.", "missing-items"),
        ("My parcel was never delivered.", "orders-not-delivered"),
        ("I was charged more than the invoice says.", "overcharges"),
        ("You promised a refund and it has not arrived.", "promised-refunds"),
        ("I got the wrong item.", "wrong-items"),
    ],
)
def test_the_right_section_is_found(world: Any, statement: str, wanted: str) -> None:
    context = gather_context(CaseRequest(world.case(statement=statement)), INDEX)
    assert f"refund-policy#{wanted}" in [p.passage_id for p in context.passages]
    assert len(context.passages) <= LIMIT


@pytest.mark.parametrize(
    "statement", ["你好", "!?", "'; DROP TABLE passage; --", "\x00", "x" * 4000]
)
def test_there_is_always_context(world: Any, statement: str) -> None:
    assert gather_context(CaseRequest(world.case(statement=statement)), INDEX).passages


def test_without_a_policy_nobody_decides(world: Any) -> None:
    with pytest.raises(DependencyUnavailableError):
        gather_context(CaseRequest(world.case()), OverlapPassages([]))
