"""Pages hold everything once, in order, whatever their size."""

from __future__ import annotations

import base64

import pytest
from asl_engine.api.paging import Pager
from asl_engine.api.protocol import ApiError
from hypothesis import given
from hypothesis import strategies as st


def walk(items: set[str], size: int) -> list[list[str]]:
    pages, request = [], {"maxResults": size, "filter": "x"}
    while True:
        shown, token = Pager("List", request).sorted_page(items, lambda item: item)
        pages.append(shown)
        if token is None:
            return pages
        request = {**request, "nextToken": token}


@given(st.sets(st.text(max_size=8), max_size=30), st.integers(1, 12))
def test_pages_hold_everything_once(items: set[str], size: int) -> None:
    pages = walk(items, size)
    assert [item for page in pages for item in page] == sorted(items)
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages) == max(-(-len(items) // size), 1)


@given(st.sets(st.text(min_size=1, max_size=8), min_size=3, max_size=20), st.data())
def test_what_comes_and_goes_between_pages_moves_nothing(
    items: set[str], data: st.DataObject
) -> None:
    request = {"maxResults": 2}
    first, token = Pager("List", request).sorted_page(items, lambda item: item)
    assert token is not None
    gone = data.draw(st.sampled_from(sorted(items)))
    come = data.draw(st.text(min_size=1, max_size=8))
    changed = (items - {gone}) | {come}
    rest, _ = Pager("List", {"nextToken": token}).sorted_page(changed, lambda item: item)
    assert rest == sorted(item for item in changed if item > first[-1])


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("Other", {"filter": "x"}), ("List", {"filter": "y"}), ("List", {}),
     ("List", {"filter": "x", "more": 1})],
)  # fmt: skip
def test_a_token_belongs_to_its_request(operation: str, request_: dict[str, object]) -> None:
    token = Pager("List", {"filter": "x"}).token(3)
    assert Pager("List", {"filter": "x", "nextToken": token}).number(0) == 3
    assert Pager("List", {"filter": "x", "maxResults": 9, "nextToken": token}).number(0) == 3
    with pytest.raises(ApiError) as caught:
        Pager(operation, {**request_, "nextToken": token})
    assert caught.value.code == "InvalidToken"


@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda b: base64.b64encode(b).decode()))
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError) as caught:
        Pager("List", {"nextToken": token})
    assert caught.value.code == "InvalidToken"


def test_a_position_that_is_no_number() -> None:
    token = Pager("List", {}).token("x")
    with pytest.raises(ApiError):
        Pager("List", {"nextToken": token}).number(0)
