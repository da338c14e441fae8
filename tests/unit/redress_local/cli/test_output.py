"""What reaches a terminal."""

import pytest
from redress_local.cli.output import clean, money


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b[2Jred")
    assert "\u202e" not in clean("\u202eright to left")
    assert clean("caf\u00e9 \u7530\u4e2d\nnext") == "caf\u00e9 \u7530\u4e2d\nnext"


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
