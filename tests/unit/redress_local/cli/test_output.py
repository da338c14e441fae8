"""What reaches a terminal."""

from typing import Any

import pytest
from redress_local.cli.output import clean, console
from redress_local.cli.render import ledger


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b[2Jred")
    assert "\u202e" not in clean("\u202eright to left")
    assert clean("caf\u00e9 \u7530\u4e2d\nnext") == "caf\u00e9 \u7530\u4e2d\nnext"


def test_the_ledger_fits_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def refund(status: str) -> dict[str, Any]:
        key = "refund.9573c280585169db93fc3266.1"
        paid = {"amount_minor": 6490, "currency": "USD"}
        return {"kind": "refund", "id": key, "status": status, **paid}

    change = {
        "kind": "refund",
        "id": "refund.9573c280585169db93fc3266.1",
        "change": "changed",
        "before": refund("pending"),
        "after": refund("completed"),
    }
    ledger(console(), [refund("pending")], [change])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if "refund" in line]
    assert "refund.9\u2026fc3266.1" in row
    assert "pending 64.90 USD" in row
    assert "completed 64.90 USD" in row
