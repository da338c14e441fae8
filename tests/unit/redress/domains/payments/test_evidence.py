"""What the payments domain tells."""

from datetime import UTC, datetime, timedelta

import msgspec
from redress.domains.payments.evidence import OTHER_ORDERS_LIMIT, TEXT_LIMIT, payment_evidence
from redress.domains.payments.models import Invoice, Payment, PaymentFacts, Refund, RefundPromise

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAYMENT = Payment(
    payment_id="pay_1",
    order_id="ord_1",
    customer_id="cust_1",
    instrument_id="card_1",
    amount_minor=500,
    currency="JPY",
    status="captured",
    authorised_at=NOW,
    captured_at=NOW,
)
REFUND = Refund(
    refund_id="ref_1",
    payment_id="pay_1",
    order_id="ord_1",
    amount_minor=200,
    currency="JPY",
    status="pending",
    reason="missing_item",
    requested_at=NOW - timedelta(days=1, hours=1),
    line_id="line_1",
    quantity=1,
)
PROMISE = RefundPromise(
    promise_id="prm_1",
    order_id="ord_1",
    payment_id="pay_1",
    amount_minor=300,
    currency="JPY",
    promised_at=NOW - timedelta(days=9),
    due_at=NOW - timedelta(days=2),
    note="n" * 900,
)
INVOICE = Invoice(
    invoice_id="inv_1", order_id="ord_1", currency="JPY", total_minor=500, issued_at=NOW
)


def test_a_payment_carries_its_refunds_and_promises() -> None:
    facts = PaymentFacts(
        order_id="ord_1",
        payments=(PAYMENT,),
        refunds=(REFUND,),
        promises=(PROMISE,),
        invoice=INVOICE,
    )
    bundle = payment_evidence(facts, NOW, (PAYMENT,))
    payment, invoice = bundle.items
    assert (payment.evidence_id, invoice.evidence_id) == ("payments/pay_1", "payments/inv_1")
    assert payment.facts["refundable_minor"] == 300
    assert payment.facts["refunds"] == [
        {
            "refund": "ref_1",
            "amount_minor": 200,
            "currency": "JPY",
            "status": "pending",
            "reason": "missing_item",
            "requested_at": "2026-03-01T11:00:00Z",
            "days_pending": 2,
            "line": "line_1",
            "quantity": 1,
        }
    ]
    (promise,) = payment.facts["promises"]
    assert promise.pop("text") == {"note": "n" * TEXT_LIMIT}
    assert promise["days_past_due"] == 2
    assert invoice.facts == {"total_minor": 500, "currency": "JPY"}
    assert "equal_on_other_orders" not in payment.facts
    assert bundle.missing == ()


def test_equal_payments_on_other_orders_are_mentioned() -> None:
    others = [
        msgspec.structs.replace(
            PAYMENT,
            payment_id=f"pay_{n}",
            order_id=f"ord_{n}",
            authorised_at=NOW - timedelta(days=n),
        )
        for n in range(9, 1, -1)
    ]
    unequal = msgspec.structs.replace(PAYMENT, payment_id="pay_x", order_id="o", amount_minor=1)
    foreign = msgspec.structs.replace(PAYMENT, payment_id="pay_y", order_id="o", currency="USD")
    facts = PaymentFacts(order_id="ord_1", payments=(PAYMENT,), invoice=INVOICE)
    found = payment_evidence(facts, NOW, [*others, unequal, foreign]).items[0].facts
    named = [each["payment"] for each in found["equal_on_other_orders"]]
    assert named == ["pay_2", "pay_3", "pay_4"]
    assert len(named) == OTHER_ORDERS_LIMIT


def test_what_does_not_exist_is_missing() -> None:
    nothing = payment_evidence(PaymentFacts(order_id="ord_1", payments=()), NOW, ())
    assert nothing.missing == ("payments/invoice", "payments/payment")
    orphan = PaymentFacts(
        order_id="ord_1", payments=(), refunds=(REFUND,), promises=(PROMISE,), invoice=INVOICE
    )
    assert payment_evidence(orphan, NOW, ()).missing == ("payments/payment", "payments/pay_1")


def test_a_payment_that_was_not_captured_tells_when_it_was_authorised() -> None:
    voided = msgspec.structs.replace(PAYMENT, status="voided", captured_at=None, voided_at=NOW)
    facts = PaymentFacts(order_id="ord_1", payments=(voided,), invoice=INVOICE)
    found = payment_evidence(facts, NOW, ()).items[0].facts
    assert found["authorised_at"] == found["voided_at"] == "2026-03-02T12:00:00Z"
    assert "refundable_minor" not in found
