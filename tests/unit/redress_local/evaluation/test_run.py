"""Judging what was done against the labels."""

from typing import Any

import pytest
from redress_local.evaluation.run import CaseResult, has_false_refund, is_correct
from redress_local.shop.labels import CaseLabel, ExpectedAction

DUE = ExpectedAction(
    action="refund_payment",
    subject_id="pay_1",
    reason_code="duplicate_charge",
    amount_minor=500,
)
SEND = ExpectedAction(action="reship_line", subject_id="line_1", reason_code="missing_item")
PAID = ("refund_payment", "pay_1", "duplicate_charge", 500)
SENT = ("reship_line", "line_1", "missing_item", 0)


def result(*done: tuple[str, str, str, int], status: str = "resolved") -> CaseResult:
    label = CaseLabel(
        case_id="c",
        customer_id="u",
        order_id="o",
        statement="s",
        kind="combined",
        expected_actions=(DUE, SEND),
    )
    return CaseResult(
        label=label,
        status=status,
        failure="",
        done=sorted(done),
        approvals=0,
        usage={},
        seconds=0.0,
        cpu_seconds=0.0,
    )


@pytest.mark.parametrize(
    ("done", "correct", "false_refund"),
    [
        ([PAID, SENT], True, False),
        ([PAID], False, False),
        ([SENT], False, False),
        ([], False, False),
        ([("refund_payment", "pay_1", "duplicate_charge", 501), SENT], False, True),
        ([("refund_payment", "pay_1", "duplicate_charge", 499), SENT], False, False),
        ([PAID, SENT, ("refund_payment", "pay_2", "overcharged", 1)], False, True),
        ([PAID, PAID, SENT], False, True),
        ([PAID, ("refund_line", "line_1", "missing_item", 100)], False, True),
    ],
)
def test_only_exactly_what_is_due_is_correct(
    done: list[Any], correct: bool, false_refund: bool
) -> None:
    assert is_correct(result(*done)) is correct
    assert has_false_refund(result(*done)) is false_refund


def test_a_failed_case_is_not_correct() -> None:
    assert not is_correct(result(PAID, SENT, status="failed"))
