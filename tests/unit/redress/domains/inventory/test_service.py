"""Reserving stock."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.domains.inventory.models import Stock
from redress.domains.inventory.service import available, consume, release, reserve, restore
from redress.errors import FinalError, OutOfStockError


def test_available_is_never_negative() -> None:
    assert available(Stock(sku="a", on_hand=5, reserved=2)) == 3
    assert available(Stock(sku="a", on_hand=1, reserved=2)) == 0
    assert available(None) == 0


def test_more_than_available_is_out_of_stock() -> None:
    stock = Stock(sku="a", on_hand=3, reserved=2)
    with pytest.raises(OutOfStockError, match="2 wanted, 1 available"):
        reserve(stock, 2, "ord_1", "case:1")


@given(st.integers(0, 50), st.integers(1, 50))
def test_each_step_can_be_undone_and_repeated(extra: int, quantity: int) -> None:
    stock = Stock(sku="a", on_hand=quantity + extra)
    reserved, held = reserve(stock, quantity, "ord_1", "case:1")
    assert available(reserved) == extra
    gone, consumed = consume(reserved, held)
    assert (gone.on_hand, gone.reserved) == (extra, 0)
    assert consume(gone, consumed) == (gone, consumed)
    assert restore(gone, consumed) == (reserved, held)
    assert restore(reserved, held) == (reserved, held)
    freed, released = release(reserved, held)
    assert freed == stock
    assert release(freed, released) == (freed, released)


def test_impossible_steps_are_refused() -> None:
    reserved, held = reserve(Stock(sku="a", on_hand=1), 1, "ord_1", "case:1")
    _, consumed = consume(reserved, held)
    with pytest.raises(FinalError, match="consumed already"):
        release(reserved, consumed)
    _, released = release(reserved, held)
    for step in (consume, restore):
        with pytest.raises(FinalError, match="released already"):
            step(reserved, released)
    with pytest.raises(FinalError, match="is for a"):
        consume(msgspec.structs.replace(reserved, sku="b"), held)
