"""The gate: every rule of refund.cedar, and policies that must not load."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.errors import InvalidInputError
from redress.policy.gate import ActionFacts, PolicyGate

FOLDER = Path(__file__).parents[4] / "policies"
GATE = PolicyGate.from_folder(FOLDER)

REFUND = ActionFacts(
    action="refund_payment",
    subject_id="pay_2",
    customer_id="cus_1",
    order_owner="cus_1",
    amount_minor=8400,
    currency="USD",
    unanswered=(),
    case_minor=8400,
    day_minor=8400,
    payment_owner="cus_1",
    payment_status="captured",
    refundable_minor=8400,
    cited=True,
    supported=True,
    reconciled=True,
    conclusive=True,
)
RESHIP = ActionFacts(
    action="reship_line",
    subject_id="line_2",
    customer_id="cus_1",
    order_owner="cus_1",
    amount_minor=3400,
    currency="USD",
    unanswered=(),
    quantity=2,
    available=2,
    cited=True,
    supported=True,
    conclusive=True,
)


def ids(reasons: tuple[str, ...]) -> set[str]:
    return {reason.split(":")[0] for reason in reasons}


def changed(facts: ActionFacts, **changes: Any) -> ActionFacts:
    return msgspec.structs.replace(facts, **changes)


def test_what_is_owed_is_allowed() -> None:
    for facts in (REFUND, changed(REFUND, action="refund_line", subject_id="line_2"), RESHIP):
        answer = GATE.decide(facts)
        assert answer.decision == "allow"
        assert answer == GATE.decide(facts, approved=True)


DENIED = [
    (REFUND, {"order_owner": "cus_2"}, "own-orders-only"),
    (REFUND, {"payment_owner": "cus_2"}, "own-payments-only"),
    (REFUND, {"customer_id": ""}, "own-orders-only"),
    (REFUND, {"payment_status": "voided"}, "captured-payments-only"),
    (REFUND, {"payment_status": "refunded"}, "captured-payments-only"),
    (REFUND, {"payment_status": "authorised"}, "captured-payments-only"),
    (REFUND, {"refundable_minor": 8399}, "within-the-payment"),
    (REFUND, {"supported": False}, "ledger-supported-only"),
    (REFUND, {"cited": False}, "cited-evidence-only"),
    (REFUND, {"amount_minor": 0}, "positive-amounts-only"),
    (REFUND, {"amount_minor": -1}, "positive-amounts-only"),
    (REFUND, {"currency": "CHF"}, "known-currencies-only"),
    (REFUND, {"currency": ""}, "known-currencies-only"),
    (REFUND, {"currency": "usd"}, "known-currencies-only"),
    (REFUND, {"case_minor": 500_001}, "cap-per-case"),
    (REFUND, {"day_minor": 1_000_001}, "cap-per-day"),
    (REFUND, {"unanswered": ("payments",)}, "answered-domains-only"),
    (REFUND, {"unanswered": ("orders", "payments", "inventory")}, "answered-domains-only"),
    (RESHIP, {"order_owner": "cus_2"}, "own-orders-only"),
    (RESHIP, {"supported": False}, "ledger-supported-only"),
    (RESHIP, {"cited": False}, "cited-evidence-only"),
    (RESHIP, {"quantity": 0}, "positive-quantities-only"),
    (RESHIP, {"available": 1}, "reship-from-stock-only"),
    (RESHIP, {"currency": "CHF"}, "known-currencies-only"),
]


@pytest.mark.parametrize(("facts", "changes", "policy"), DENIED)
def test_what_nobody_can_approve(facts: ActionFacts, changes: dict[str, Any], policy: str) -> None:
    for approved in (False, True):
        answer = GATE.decide(changed(facts, **changes), approved=approved)
        assert answer.decision == "deny"
        assert policy in ids(answer.reasons)


LINES = (changed(REFUND, action="refund_line", subject_id="line_2"), RESHIP)
DENIED += [
    (facts, {"unanswered": (domain,)}, "answered-domains-only")
    for facts in LINES
    for domain in ("orders", "payments", "inventory")
]

APPROVED = [
    (REFUND, {"reconciled": False}, "approval-when-the-program-differs"),
    (REFUND, {"conclusive": False}, "approval-when-evidence-is-missing"),
    (REFUND, {"case_minor": 50_001}, "approval-per-case"),
    (REFUND, {"day_minor": 100_001}, "approval-per-day"),
    (RESHIP, {"conclusive": False}, "approval-when-evidence-is-missing"),
    (RESHIP, {"amount_minor": 50_001}, "approval-for-goods"),
]


@pytest.mark.parametrize(("facts", "changes", "policy"), APPROVED)
def test_what_a_human_may_approve(facts: ActionFacts, changes: dict[str, Any], policy: str) -> None:
    answer = GATE.decide(changed(facts, **changes))
    assert answer.decision == "needs_approval"
    assert ids(answer.reasons) == {policy}
    assert GATE.decide(changed(facts, **changes), approved=True).decision == "allow"


def test_every_policy_is_tested() -> None:
    tested = {policy for _, _, policy in [*DENIED, *APPROVED]}
    text = (FOLDER / "refund.cedar").read_text("utf-8")
    known = {line.split('"')[1] for line in text.splitlines() if line.startswith("@id(")}
    assert known - tested == {"refund-what-is-owed", "reship-what-is-short"}


HOSTILE = st.text() | st.sampled_from(
    ['"', "\\", "\n", '"}); permit(principal,action,resource);//']
)


@given(who=HOSTILE, what=HOSTILE, currency=HOSTILE, status=HOSTILE)
def test_hostile_text_opens_nothing(who: str, what: str, currency: str, status: str) -> None:
    facts = changed(
        REFUND, order_owner=who, subject_id=what, currency=currency, payment_status=status
    )
    expected = "allow" if (who, currency, status) == ("cus_1", "USD", "captured") else "deny"
    assert GATE.decide(facts, approved=True).decision == expected


@given(
    amount=st.integers(-(10**12), 10**12),
    case=st.integers(0, 10**12),
    day=st.integers(0, 10**12),
    left=st.integers(0, 10**12),
)
def test_no_number_gets_past_the_caps(amount: int, case: int, day: int, left: int) -> None:
    facts = changed(
        REFUND, amount_minor=amount, case_minor=case, day_minor=day, refundable_minor=left
    )
    fine = 0 < amount <= left and case <= 500_000 and day <= 1_000_000
    attended = case > 50_000 or day > 100_000
    expected = ("needs_approval" if attended else "allow") if fine else "deny"
    assert GATE.decide(facts).decision == expected


SCHEMA = (FOLDER / "redress.cedarschema").read_text("utf-8")
PERMIT = '@id("a") @reason("b") permit(principal, action, resource);'


@pytest.mark.parametrize(
    "policies",
    [
        "",
        "   // nothing\n",
        "permit(principal, action",
        "permit(principal, action, resource);",
        '@id("a") permit(principal, action, resource);',
        '@reason("a") permit(principal, action, resource);',
        '@id("") @reason("b") permit(principal, action, resource);',
        PERMIT + PERMIT,
        PERMIT + '@id("c") @reason("d") forbid(principal, action, resource) when { context.typo };',
        PERMIT + '@id("c") @reason("d") forbid(principal is Admin, action, resource);',
        PERMIT + '@id("c") @reason("d") forbid(principal == ?principal, action, resource);',
    ],
)
def test_malformed_policies_do_not_load(policies: str) -> None:
    with pytest.raises(InvalidInputError):
        PolicyGate(policies, SCHEMA)


def test_a_malformed_schema_does_not_load() -> None:
    with pytest.raises(InvalidInputError):
        PolicyGate(PERMIT, "entity {")


def test_deny_by_default() -> None:
    forbid = '@id("a") @reason("b") forbid(principal, action == Action::"reship_line", resource);'
    gate = PolicyGate(forbid, SCHEMA)
    assert gate.decide(REFUND).decision == "deny"
    assert ids(gate.decide(REFUND).reasons) == {"no-permit"}


def test_a_policy_that_errs_closes_the_gate() -> None:
    """Cedar skips a forbid whose evaluation overflows; the gate does not let that pass."""
    overflow = (
        '@id("c") @reason("d") forbid(principal, action == Action::"refund_payment", resource)'
        " when { context.amount_minor * 9000000000000000000 > 5 };"
    )
    gate = PolicyGate(PERMIT + overflow, SCHEMA)
    assert ids(gate.decide(REFUND).reasons) == {"policy-error"}
    assert gate.decide(REFUND).decision == "deny"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"permit("])
def test_folders_that_do_not_load(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "redress.cedarschema").write_text(SCHEMA, encoding="utf-8")
        (tmp_path / "x.cedar").write_bytes(content)
    with pytest.raises(InvalidInputError):
        PolicyGate.from_folder(tmp_path)


def test_a_folder_without_policies_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "redress.cedarschema").write_text(SCHEMA, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="no policies"):
        PolicyGate.from_folder(tmp_path)
