"""GatherContext: the passages that matter, for any statement, and at most one earlier case."""

from pathlib import Path
from typing import Any

import pytest
from redress.adapters.memory.passages import OverlapPassages
from redress.adapters.sqlite.passages import Bm25Passages
from redress.errors import DependencyUnavailableError, InvalidInputError
from redress.models.case import CaseRequest
from redress.models.investigation import Passage
from redress.steps.gather_context import LIMIT, gather_context

INDEX = Bm25Passages.from_folder(Path(__file__).parents[4] / "policies")
NOTHING = OverlapPassages([])


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def search(self, text: str, limit: int) -> list[Passage]:
        raise self.error


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
    context = gather_context(CaseRequest(world.case(statement=statement)), INDEX, NOTHING)
    assert f"refund-policy#{wanted}" in [p.passage_id for p in context.passages]
    assert len(context.passages) <= LIMIT


@pytest.mark.parametrize(
    "statement", ["你好", "!?", "'; DROP TABLE passage; --", "\x00", "x" * 4000]
)
def test_there_is_always_context(world: Any, statement: str) -> None:
    request = CaseRequest(world.case(statement=statement))
    assert gather_context(request, INDEX, NOTHING).passages


def test_without_a_policy_nobody_decides(world: Any) -> None:
    earlier = OverlapPassages([Passage("resolution#1", "An earlier case", "charged twice")])
    with pytest.raises(DependencyUnavailableError):
        gather_context(CaseRequest(world.case()), NOTHING, earlier)


def test_earlier_cases_never_crowd_out_the_policy(world: Any) -> None:
    """However many there are and however well they fit, one comes, and it comes last."""
    request = CaseRequest(world.case())
    statement = request.case.statement
    fitting = [Passage(f"resolution#{n}", statement, statement) for n in range(50)]
    alone = gather_context(request, INDEX, NOTHING).passages
    context = gather_context(request, INDEX, OverlapPassages(fitting))
    assert context.passages[:-1] == alone
    assert context.passages[-1].passage_id.startswith("resolution#")


def test_a_case_is_decided_without_an_example_if_need_be(world: Any) -> None:
    request = CaseRequest(world.case())
    silent = Broken(DependencyUnavailableError("the table did not answer"))
    assert gather_context(request, INDEX, silent) == gather_context(request, INDEX, NOTHING)
    with pytest.raises(InvalidInputError):
        gather_context(request, INDEX, Broken(InvalidInputError("what is kept cannot be read")))
