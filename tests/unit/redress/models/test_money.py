"""Amounts as people read them."""

import pytest
from redress.models.money import money


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (6490, "USD", "64.90 USD"),
        (5, "EUR", "0.05 EUR"),
        (8300, "JPY", "8300 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (0, None, ""),
    ],
)
def test_amounts(amount: int, currency: str | None, expected: str) -> None:
    assert money(amount, currency) == expected
