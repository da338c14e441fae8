"""What the payments domain tells an agent about an order: facts, trimmed, no conclusions."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from redress.domains.payments.models import (
    Invoice,
    Payment,
    PaymentFacts,
    Refund,
    RefundPromise,
)
from redress.domains.payments.service import refundable_minor
from redress.models.base import dump
from redress.models.investigation import Evidence, EvidenceBundle
from redress.models.money import money

TEXT_LIMIT = 200
"""Characters that are kept of each piece of free text."""

OTHER_ORDERS_LIMIT = 3
"""Payments of equal amount on other orders that are mentioned, the nearest in time."""


def payment_evidence(
    facts: PaymentFacts, as_of: datetime, other_payments: Iterable[Payment]
) -> EvidenceBundle:
    """Return one item for each payment, with its refunds and promises, and one for the invoice.

    `other_payments` are the customer's; those of this order are ignored. Facts are JSON: money in
    minor units, instants as text. `days_pending` and `days_past_due` count begun days. Free text
    stands apart under "text", cut to TEXT_LIMIT.
    """
    others = [p for p in other_payments if p.order_id != facts.order_id]
    items = [_payment_item(payment, facts, as_of, others) for payment in facts.payments]
    missing: list[str] = []
    if facts.invoice is None:
        missing.append("payments/invoice")
    else:
        items.append(_invoice_item(facts.invoice))
    if not facts.payments:
        missing.append("payments/payment")
    known = {p.payment_id for p in facts.payments}
    named = {r.payment_id for r in facts.refunds} | {p.payment_id for p in facts.promises}
    missing.extend(f"payments/{payment_id}" for payment_id in sorted(named - known))
    return EvidenceBundle(domain="payments", items=tuple(items), missing=tuple(missing))


def _payment_item(
    payment: Payment, all_facts: PaymentFacts, as_of: datetime, others: list[Payment]
) -> Evidence:
    mine = payment.payment_id
    facts: dict[str, Any] = {
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "status": payment.status,
        "instrument": payment.instrument_id,
    }
    for name in ("captured_at", "voided_at"):
        if getattr(payment, name) is not None:
            facts[name] = dump(getattr(payment, name))
    if payment.captured_at is None:
        facts["authorised_at"] = dump(payment.authorised_at)
    else:
        facts["refundable_minor"] = refundable_minor(payment, all_facts.refunds)
    refunds = [_refund(r, as_of) for r in all_facts.refunds if r.payment_id == mine]
    promises = [_promise(p, as_of) for p in all_facts.promises if p.payment_id == mine]
    equal = [
        p
        for p in others
        if (p.amount_minor, p.currency) == (payment.amount_minor, payment.currency)
    ]
    equal.sort(key=lambda p: (abs(p.authorised_at - payment.authorised_at), p.payment_id))
    if refunds:
        facts["refunds"] = refunds
    if promises:
        facts["promises"] = promises
    if equal:
        facts["equal_on_other_orders"] = [
            {
                "payment": p.payment_id,
                "order": p.order_id,
                "status": p.status,
                "authorised_at": dump(p.authorised_at),
            }
            for p in equal[:OTHER_ORDERS_LIMIT]
        ]
    return Evidence(
        evidence_id=f"payments/{mine}",
        domain="payments",
        summary=f"{payment.status} {money(payment.amount_minor, payment.currency)}",
        facts=facts,
    )


def _invoice_item(invoice: Invoice) -> Evidence:
    return Evidence(
        evidence_id=f"payments/{invoice.invoice_id}",
        domain="payments",
        summary=f"invoice {money(invoice.total_minor, invoice.currency)}",
        facts={"total_minor": invoice.total_minor, "currency": invoice.currency},
    )


def _refund(refund: Refund, as_of: datetime) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "refund": refund.refund_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "status": refund.status,
        "reason": refund.reason,
        "requested_at": dump(refund.requested_at),
    }
    if refund.status == "pending":
        facts["days_pending"] = _begun_days(refund.requested_at, as_of)
    if refund.line_id is not None:
        facts["line"] = refund.line_id
        facts["quantity"] = refund.quantity
    return facts


def _promise(promise: RefundPromise, as_of: datetime) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "promise": promise.promise_id,
        "amount_minor": promise.amount_minor,
        "currency": promise.currency,
        "promised_at": dump(promise.promised_at),
        "due_at": dump(promise.due_at),
        "days_past_due": _begun_days(promise.due_at, as_of),
    }
    if promise.note:
        facts["text"] = {"note": promise.note[:TEXT_LIMIT]}
    return facts


def _begun_days(since: datetime, as_of: datetime) -> int:
    """Return the days since an instant, a begun day counted whole; 0 before it."""
    return max(0, -((since - as_of) // timedelta(days=1)))
