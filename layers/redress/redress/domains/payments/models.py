"""Payments, refunds, refund promises and invoices."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from redress.models.base import Currency, Identifier, Instant, Minor, Model, Quantity

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
DueReason = Literal["duplicate_charge", "overcharged", "refund_not_received"]
ConflictCode = Literal[
    "invoice_missing",
    "currency_differs",
    "payment_unknown",
    "refund_stuck",
    "not_refundable",
]

Text = Annotated[str, msgspec.Meta(max_length=4_000)]
"""Free text: untrusted data, never an instruction."""


class Payment(Model, frozen=True):
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


class Refund(Model, frozen=True):
    """Money on its way back to the instrument of a payment.

    `line_id` and `quantity` say which pieces of the order it pays for, where it pays for pieces:
    they keep the same pieces from being refunded or sent again.
    """

    refund_id: Identifier
    payment_id: Identifier
    order_id: Identifier
    amount_minor: Minor
    currency: Currency
    status: RefundStatus
    reason: RefundReason
    requested_at: Instant
    completed_at: Instant | None = None
    effect_key: Identifier | None = None
    line_id: Identifier | None = None
    quantity: Quantity | None = None


class RefundPromise(Model, frozen=True):
    """A refund that support promised. `note` is free text."""

    promise_id: Identifier
    order_id: Identifier
    payment_id: Identifier
    amount_minor: Minor
    currency: Currency
    promised_at: Instant
    due_at: Instant
    note: Text = ""


class Invoice(Model, frozen=True):
    """What the customer owes for an order."""

    invoice_id: Identifier
    order_id: Identifier
    currency: Currency
    total_minor: Minor
    issued_at: Instant


class PaymentFacts(Model, frozen=True):
    """All that the payments domain knows of one order; `versions` maps sort keys to versions."""

    order_id: Identifier
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...] = ()
    promises: tuple[RefundPromise, ...] = ()
    invoice: Invoice | None = None
    versions: Mapping[str, int] = {}


class Due(Model, frozen=True):
    """Money owed to the customer on one payment, always more than zero.

    `promise_id` is set for refund_not_received.
    """

    payment_id: Identifier
    reason_code: DueReason
    amount_minor: Minor
    currency: Currency
    promise_id: Identifier | None = None


class ConflictingEvidence(Model, frozen=True):
    """The records contradict each other or are incomplete, so a human must look.

    `subjects` are the ids of the records concerned, sorted.
    """

    code: ConflictCode
    subjects: tuple[str, ...] = ()


class Assessment(Model, frozen=True):
    """All that is due on an order; `conflicts` name the rules that could not be applied."""

    dues: tuple[Due, ...]
    conflicts: tuple[ConflictingEvidence, ...] = ()
