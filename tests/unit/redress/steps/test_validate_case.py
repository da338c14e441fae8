"""ValidateCase: what becomes a case, and which error the rest becomes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.adapters.memory.repository import MemoryRepository
from redress.errors import (
    ForeignOrderError,
    InvalidCaseError,
    InvalidInputError,
    UnknownOrderError,
)
from redress.steps.validate_case import validate_case

DETAIL = {
    "schema_version": "1",
    "case_id": "case_1",
    "customer_id": "cus_1",
    "order_id": "ord_1",
    "statement": "Charged twice.",
    "opened_at": "2026-11-20T12:00:00Z",
}
TIME = "2026-11-20T12:00:01Z"


def event(**changed: Any) -> dict[str, Any]:
    detail = {k: v for k, v in (DETAIL | changed).items() if v is not ...}
    return {"detail-type": "CaseOpened", "source": "shop", "time": TIME, "detail": detail}


def test_a_case(world: Any) -> None:
    case = validate_case(event(), "evidence-first", world.orders)
    assert (case.case_id, case.order_id, case.customer_id) == ("case_1", "ord_1", "cus_1")
    assert case.skus == ("sku_a", "sku_b")
    assert case.pattern == "evidence-first"
    assert case.as_of.isoformat() == "2026-11-20T12:00:00+00:00"


def test_the_case_chooses_its_pattern_and_the_event_its_time(world: Any) -> None:
    opened = event(pattern="monolith", opened_at=...)
    case = validate_case(opened, "evidence-first", world.orders)
    assert case.pattern == "monolith"
    assert case.as_of.isoformat() == "2026-11-20T12:00:01+00:00"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"schema_version": "2"}, "schema_version"),
        ({"case_id": ""}, "case_id"),
        ({"case_id": 7}, "case_id"),
        ({"case_id": "a b"}, "case_id"),
        ({"case_id": "case_1\n"}, "case_id"),
        ({"case_id": "x" * 129}, "case_id"),
        ({"case_id": ...}, "case_id"),
        ({"order_id": None}, "order_id"),
        ({"order_id": ["ord_1"]}, "order_id"),
        ({"customer_id": {"$ne": ""}}, "customer_id"),
        ({"statement": ""}, "statement"),
        ({"statement": "x" * 4001}, "statement"),
        ({"statement": "\ud800"}, "statement"),
        ({"pattern": "swarm-of-bees"}, "pattern"),
        ({"opened_at": "yesterday"}, "opened_at"),
        ({"opened_at": "2026-11-20T12:00:00"}, "opened_at"),
        ({"opened_at": "2026-12-24T12:00:00Z"}, "opened_at"),
        ({"amount": 100}, "amount"),
    ],
)
def test_a_malformed_detail_names_the_place(
    world: Any, changed: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidCaseError, match=place):
        validate_case(event(**changed), "evidence-first", world.orders)


@pytest.mark.parametrize(
    "bad", [None, 1, "text", [], {}, {"detail": None}, {"detail": "{}"}, {"detail": []}]
)
def test_what_is_no_event(world: Any, bad: Any) -> None:
    with pytest.raises(InvalidCaseError):
        validate_case(bad, "evidence-first", world.orders)


@pytest.mark.parametrize("time", ["noon", 12, [], "2026-11-20"])
def test_a_malformed_time(world: Any, time: Any) -> None:
    with pytest.raises(InvalidCaseError, match="time"):
        validate_case(event() | {"time": time}, "evidence-first", world.orders)


def test_no_time_at_all(world: Any) -> None:
    with pytest.raises(InvalidCaseError, match="opened_at"):
        validate_case(event(opened_at=...) | {"time": None}, "evidence-first", world.orders)


def test_foreign_and_unknown_orders(world: Any) -> None:
    with pytest.raises(UnknownOrderError):
        validate_case(event(order_id="ord_9"), "evidence-first", world.orders)
    with pytest.raises(ForeignOrderError):
        validate_case(event(customer_id="cus_2"), "evidence-first", world.orders)


def test_an_unknown_default_pattern_is_our_mistake(world: Any) -> None:
    with pytest.raises(InvalidInputError, match="evidence-first or monolith") as error:
        validate_case(event(), "tarot", world.orders)
    assert not isinstance(error.value, InvalidCaseError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.one_of(
        JSON,
        st.dictionaries(st.sampled_from([*DETAIL, "pattern", "x"]), JSON).map(
            lambda changed: event(**changed)
        ),
    )
)
def test_anything_else_is_a_typed_error(hostile: Any) -> None:
    with pytest.raises((InvalidCaseError, UnknownOrderError)):
        validate_case(hostile, "evidence-first", MemoryRepository())
