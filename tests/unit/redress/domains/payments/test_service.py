"""The payment rules, by example and by property."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from redress.domains.payments.models import (
    ConflictingEvidence,
    Due,
    Invoice,
    Payment,
    PaymentFacts,
    Refund,
    RefundPromise,
)
from redress.domains.payments.rules import REFUND_PROCESSING_DAYS
from redress.domains.payments.service import (
    assess,
    captured,
    due_minor,
    duplicate_payments,
    gross_excess_minor,
    overcharge,
    payment_for_line_refund,
    refundable_minor,
    refunded_pieces,
    unkept_promises,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def payment(number: int = 1, amount: int = 5_000, **changes: Any) -> Payment:
    at = NOW - timedelta(days=20) + timedelta(seconds=number)
    made = Payment(
        payment_id=f"pay_{number}",
        order_id="ord_1",
        customer_id="cust_1",
        instrument_id="card_1",
        amount_minor=amount,
        currency="USD",
        status="captured",
        authorised_at=at,
        captured_at=at,
    )
    return msgspec.structs.replace(made, **changes)


def refund(number: int = 1, payment_id: str = "pay_1", **changes: Any) -> Refund:
    made = Refund(
        refund_id=f"ref_{number}",
        payment_id=payment_id,
        order_id="ord_1",
        amount_minor=1_000,
        currency="USD",
        status="completed",
        reason="goodwill",
        requested_at=NOW - timedelta(days=5),
    )
    return msgspec.structs.replace(made, **changes)


def promise(number: int = 1, payment_id: str = "pay_1", **changes: Any) -> RefundPromise:
    made = RefundPromise(
        promise_id=f"prm_{number}",
        order_id="ord_1",
        payment_id=payment_id,
        amount_minor=1_000,
        currency="USD",
        promised_at=NOW - timedelta(days=10),
        due_at=NOW - timedelta(days=3),
    )
    return msgspec.structs.replace(made, **changes)


def invoice(total: int = 5_000, **changes: Any) -> Invoice:
    made = Invoice(
        invoice_id="inv_1",
        order_id="ord_1",
        currency="USD",
        total_minor=total,
        issued_at=NOW - timedelta(days=20),
    )
    return msgspec.structs.replace(made, **changes)


def owed(found: tuple[Due, ...] | ConflictingEvidence) -> dict[str, int]:
    assert not isinstance(found, ConflictingEvidence)
    return {due.payment_id: due.amount_minor for due in found}


def test_captured_ignores_what_was_never_taken() -> None:
    payments = [
        payment(3, status="refunded"),
        payment(1, status="authorised", captured_at=None),
        payment(2),
        payment(4, status="voided", captured_at=None),
    ]
    assert [p.payment_id for p in captured(payments)] == ["pay_2", "pay_3"]


def test_pending_and_completed_refunds_reduce_what_is_refundable() -> None:
    refunds = [
        refund(1, status="pending"),
        refund(2, status="completed", amount_minor=500),
        refund(3, status="failed"),
        refund(4, status="cancelled"),
        refund(5, payment_id="pay_2"),
    ]
    assert refundable_minor(payment(), refunds) == 3_500
    assert refundable_minor(payment(amount=1_200), refunds) == 0
    assert refundable_minor(payment(status="voided"), ()) == 0
    assert refundable_minor(payment(status="refunded"), ()) == 0


def test_all_but_the_earliest_of_equal_payments_are_duplicates() -> None:
    payments = [payment(3), payment(1), payment(2)]
    assert owed(duplicate_payments(payments, (), invoice())) == {"pay_2": 5_000, "pay_3": 5_000}


def test_a_partly_refunded_duplicate_owes_the_rest() -> None:
    refunds = [refund(payment_id="pay_2", amount_minor=1_500)]
    found = duplicate_payments([payment(1), payment(2)], refunds, invoice())
    assert owed(found) == {"pay_2": 3_500}


def test_a_refunded_duplicate_is_no_finding() -> None:
    full = refund(payment_id="pay_2", amount_minor=5_000, reason="duplicate_charge")
    payments = [payment(1), payment(2, status="refunded")]
    assert duplicate_payments(payments, [full], invoice()) == ()
    assert overcharge(payments, [full], invoice()) == ()


def test_a_duplicate_refunded_on_the_first_payment_is_no_finding() -> None:
    full = refund(payment_id="pay_1", amount_minor=5_000, reason="duplicate_charge")
    payments = [payment(1, status="refunded"), payment(2)]
    assert duplicate_payments(payments, [full], invoice()) == ()


def test_a_refund_on_the_first_payment_settles_one_of_two_duplicates() -> None:
    full = refund(payment_id="pay_1", amount_minor=5_000, reason="duplicate_charge")
    payments = [payment(1, status="refunded"), payment(2), payment(3)]
    assert sum(owed(duplicate_payments(payments, [full], invoice())).values()) == 5_000


def test_large_duplicates_come_before_small_ones() -> None:
    payments = [payment(1, 100), payment(2, 100), payment(3, 30), payment(4, 30)]
    assert owed(duplicate_payments(payments, (), invoice(160))) == {"pay_2": 100}


def test_a_return_refunded_on_the_first_payment_does_not_settle_the_duplicate() -> None:
    returned = refund(payment_id="pay_1", amount_minor=5_000, reason="return")
    payments = [payment(1, status="refunded"), payment(2)]
    assert owed(duplicate_payments(payments, [returned], invoice())) == {"pay_2": 5_000}


def test_split_tender_is_legitimate() -> None:
    payments = [payment(1), payment(2, instrument_id="card_2")]
    facts = PaymentFacts(order_id="ord_1", payments=tuple(payments), invoice=invoice(10_000))
    assert assess(facts, NOW).dues == ()


def test_of_a_split_tender_the_repeated_instrument_is_the_duplicate() -> None:
    payments = [payment(1), payment(2), payment(3, instrument_id="card_2")]
    assert owed(duplicate_payments(payments, (), invoice(10_000))) == {"pay_2": 5_000}


def test_equal_payments_beyond_the_excess_are_kept() -> None:
    assert duplicate_payments([payment(1), payment(2)], (), invoice(6_000)) == ()
    assert owed(overcharge([payment(1), payment(2)], (), invoice(6_000))) == {"pay_1": 4_000}


def test_an_overcharge_is_what_the_duplicates_leave() -> None:
    payments = [payment(1, 5_700), payment(2, 5_700)]
    assert owed(duplicate_payments(payments, (), invoice())) == {"pay_2": 5_700}
    assert owed(overcharge(payments, (), invoice())) == {"pay_1": 700}


def test_an_overcharge_refunded_in_part_owes_the_rest() -> None:
    refunds = [
        refund(1, amount_minor=300, reason="overcharged"),
        refund(2, amount_minor=300, reason="return"),
    ]
    assert owed(overcharge([payment(amount=5_700)], refunds, invoice())) == {"pay_1": 400}


def test_another_currency_or_no_invoice_is_a_conflict() -> None:
    foreign = [payment(1), payment(2, currency="EUR")]
    for rule in (duplicate_payments, overcharge):
        found = rule(foreign, (), invoice())
        assert found == ConflictingEvidence(code="currency_differs", subjects=("pay_2",))
        found = rule(foreign, (), None)
        assert found == ConflictingEvidence(code="invoice_missing")
    voided = [payment(1), payment(2, currency="EUR", status="voided")]
    assert duplicate_payments(voided, (), invoice()) == ()
    found = duplicate_payments([payment()], [refund(currency="EUR")], invoice())
    assert found == ConflictingEvidence(code="currency_differs", subjects=("ref_1",))


def test_a_promise_is_unkept_only_past_its_date() -> None:
    assert owed(unkept_promises([payment()], (), [promise()], NOW)) == {"pay_1": 1_000}
    assert unkept_promises([payment()], (), [promise(due_at=NOW)], NOW) == ()


def test_refunds_before_the_promise_and_failed_ones_do_not_keep_it() -> None:
    refunds = [
        refund(1, requested_at=NOW - timedelta(days=11)),
        refund(2, status="failed"),
        refund(3, status="cancelled"),
        refund(4, amount_minor=400),
        refund(5, payment_id="pay_2"),
    ]
    payments = [payment(1), payment(2)]
    assert owed(unkept_promises(payments, refunds, [promise()], NOW)) == {"pay_1": 600}


def test_a_pending_refund_keeps_a_promise_until_it_is_stuck() -> None:
    edge = NOW - timedelta(days=REFUND_PROCESSING_DAYS)
    made = promise(promised_at=NOW - timedelta(days=30))
    in_time = refund(status="pending", requested_at=edge)
    assert unkept_promises([payment()], [in_time], [made], NOW) == ()
    stuck = refund(status="pending", requested_at=edge - timedelta(seconds=1))
    found = unkept_promises([payment()], [stuck], [made], NOW)
    assert found == ConflictingEvidence(code="refund_stuck", subjects=("ref_1",))
    assert unkept_promises([payment()], [stuck, refund(2)], [made], NOW) == ()


def test_one_refund_keeps_one_promise() -> None:
    promises = [promise(1), promise(2, promised_at=NOW - timedelta(days=9))]
    found = unkept_promises([payment()], [refund()], promises, NOW)
    assert not isinstance(found, ConflictingEvidence)
    assert [(due.promise_id, due.amount_minor) for due in found] == [("prm_2", 1_000)]


def test_a_promise_never_exceeds_the_payment() -> None:
    promises = [promise(1, amount_minor=4_000), promise(2, amount_minor=4_000)]
    found = unkept_promises([payment()], (), promises, NOW)
    assert not isinstance(found, ConflictingEvidence)
    assert [due.amount_minor for due in found] == [4_000, 1_000]


def test_promises_on_unknown_payments_or_in_other_currencies_conflict() -> None:
    found = unkept_promises([payment()], (), [promise(payment_id="pay_9")], NOW)
    assert found == ConflictingEvidence(code="payment_unknown", subjects=("pay_9",))
    found = unkept_promises([payment()], (), [promise(currency="EUR")], NOW)
    assert found == ConflictingEvidence(code="currency_differs", subjects=("prm_1",))


def test_a_promise_to_refund_the_duplicate_is_not_paid_twice() -> None:
    facts = PaymentFacts(
        order_id="ord_1",
        payments=(payment(1), payment(2)),
        promises=(promise(payment_id="pay_2", amount_minor=5_000),),
        invoice=invoice(),
    )
    assert [due.reason_code for due in assess(facts, NOW).dues] == ["duplicate_charge"]
    assert due_minor(facts, "pay_2", "refund_not_received", NOW) == 5_000
    assert due_minor(facts, "pay_1", "duplicate_charge", NOW) == 0
    assert due_minor(facts, "pay_2", "overcharged", NOW) == 0


def test_a_conflict_in_one_rule_leaves_the_others() -> None:
    facts = PaymentFacts(order_id="ord_1", payments=(payment(),), promises=(promise(),))
    found = assess(facts, NOW)
    assert found.conflicts == (ConflictingEvidence(code="invoice_missing"),)
    assert owed(found.dues) == {"pay_1": 1_000}
    assert due_minor(facts, "pay_1", "overcharged", NOW) == found.conflicts[0]


def test_a_line_refund_goes_to_a_kept_payment_that_can_carry_it() -> None:
    facts = PaymentFacts(order_id="ord_1", payments=(payment(2), payment(1)), invoice=invoice())
    assert payment_for_line_refund(facts, 5_000) == payment(1)
    too_much = payment_for_line_refund(facts, 5_001)
    assert too_much == ConflictingEvidence(code="not_refundable", subjects=("pay_1",))
    unbilled = msgspec.structs.replace(facts, invoice=None)
    assert payment_for_line_refund(unbilled, 1) == ConflictingEvidence(code="invoice_missing")


def test_refunded_pieces_count_once_per_live_refund() -> None:
    refunds = [
        refund(1, line_id="line_1", quantity=2),
        refund(2, line_id="line_1", quantity=1, status="pending"),
        refund(3, line_id="line_1", quantity=4, status="failed"),
        refund(4),
    ]
    assert refunded_pieces(refunds) == {"line_1": 3}


AMOUNTS = st.sampled_from([0, 1, 50, 100, 150, 10**12])
REASONS = st.sampled_from(["duplicate_charge", "overcharged", "return", "refund_not_received"])


@st.composite
def ledgers(draw: st.DrawFn) -> PaymentFacts:
    payments = tuple(
        payment(
            number,
            draw(AMOUNTS),
            status=draw(st.sampled_from(["captured", "captured", "voided", "refunded"])),
            instrument_id=draw(st.sampled_from(["card_1", "card_2"])),
        )
        for number in range(draw(st.integers(1, 5)))
    )
    ids = st.sampled_from([p.payment_id for p in payments])
    days = st.integers(0, 30)
    refunds = tuple(
        refund(
            number,
            draw(ids),
            amount_minor=draw(AMOUNTS),
            status=draw(st.sampled_from(["pending", "completed", "failed", "cancelled"])),
            reason=draw(REASONS),
            requested_at=NOW - timedelta(days=draw(days)),
        )
        for number in range(draw(st.integers(0, 4)))
    )
    promises = tuple(
        promise(
            number,
            draw(ids),
            amount_minor=draw(AMOUNTS),
            promised_at=NOW - timedelta(days=draw(days)),
            due_at=NOW - timedelta(days=draw(st.integers(-5, 20))),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    return PaymentFacts(
        order_id="ord_1",
        payments=payments,
        refunds=refunds,
        promises=promises,
        invoice=invoice(draw(AMOUNTS)),
    )


def paid(facts: PaymentFacts, dues: tuple[Due, ...]) -> PaymentFacts:
    """Return the ledger after the dues were refunded."""
    done = tuple(
        refund(
            100 + number,
            due.payment_id,
            amount_minor=due.amount_minor,
            reason=due.reason_code,
            status="pending",
            requested_at=NOW,
        )
        for number, due in enumerate(dues)
    )
    return msgspec.structs.replace(facts, refunds=(*facts.refunds, *done))


@settings(max_examples=150, deadline=None)
@given(ledgers())
def test_never_more_than_is_refundable(facts: PaymentFacts) -> None:
    dues = assess(facts, NOW).dues
    for each in facts.payments:
        due = sum(d.amount_minor for d in dues if d.payment_id == each.payment_id)
        assert due <= refundable_minor(each, facts.refunds)
    assert all(due.amount_minor > 0 for due in dues)


@settings(max_examples=150, deadline=None)
@given(ledgers())
def test_duplicates_and_overcharge_stay_within_the_excess(facts: PaymentFacts) -> None:
    assert facts.invoice is not None
    duplicates = duplicate_payments(facts.payments, facts.refunds, facts.invoice)
    rest = overcharge(facts.payments, facts.refunds, facts.invoice)
    after = paid(facts, (*owed_list(duplicates), *owed_list(rest)))
    excess = gross_excess_minor(facts.payments, facts.invoice)
    due = sum(d.amount_minor for d in (*owed_list(duplicates), *owed_list(rest)))
    assert due <= excess
    by_amount = {p.payment_id: p.amount_minor for p in facts.payments}
    named = {d.payment_id for d in owed_list(duplicates)}
    back = sum(
        min(
            by_amount[payment_id],
            sum(
                r.amount_minor
                for r in after.refunds
                if r.payment_id == payment_id and r.status in ("pending", "completed")
            ),
        )
        for payment_id in named
    )
    assert back <= excess


def owed_list(found: tuple[Due, ...] | ConflictingEvidence) -> tuple[Due, ...]:
    return () if isinstance(found, ConflictingEvidence) else found


@settings(max_examples=150, deadline=None)
@given(ledgers())
def test_nothing_is_due_once_all_is_paid(facts: PaymentFacts) -> None:
    dues = assess(facts, NOW).dues
    assert assess(paid(facts, dues), NOW).dues == ()


@settings(max_examples=100, deadline=None)
@given(ledgers(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(facts: PaymentFacts, random: Any) -> None:
    shuffled = {
        name: tuple(random.sample(getattr(facts, name), len(getattr(facts, name))))
        for name in ("payments", "refunds", "promises")
    }
    assert assess(msgspec.structs.replace(facts, **shuffled), NOW) == assess(facts, NOW)
