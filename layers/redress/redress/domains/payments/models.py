"""Payments, refunds, refund promises and invoices."""

from typing import Literal

from redress.models.base import Currency, Identifier, Instant, Minor, Model

PaymentStatus = Literal["authorised", "captured", "voided", "refunded"]
RefundStatus = Literal["pending", "completed", "failed", "cancelled"]
RefundReason = Literal[
    "duplicate_charge",
    "overcharged",
    "refund_not_received",
    "missing_item",
    "not_delivered",
    "wrong_item",
    "return",
    "goodwill",
]


class Payment(Model):
    """One charge on one instrument for one order."""

    payment_id: Identifier
    order_id: Identifier
    customer_id: Identifier
    instrument_id: Identifier
    amount_minor: Minor
    currency: Currency
    status: PaymentStatus
    authorised_at: Instant
    captured_at: Instant | None = None
    voided_at: Instant | None = None


class Refund(Model):
    """Money on its way back to the instrument of a payment."""

    refund_id: Identifier
    payment_id: Identifier
    order_id: Identifier
    amount_minor: Minor
    currency: Currency
    status: RefundStatus
    reason: RefundReason
    requested_at: Instant
    completed_at: Instant | None = None
    effect_key: str | None = None


class RefundPromise(Model):
    """A refund that support promised. `note` is free text."""

    promise_id: Identifier
    order_id: Identifier
    payment_id: Identifier
    amount_minor: Minor
    currency: Currency
    promised_at: Instant
    due_at: Instant
    note: str = ""


class Invoice(Model):
    """What the customer owes for an order."""

    invoice_id: Identifier
    order_id: Identifier
    currency: Currency
    total_minor: Minor
    issued_at: Instant
