"""Facts of the evidence as records, recognised by their fields."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

STUCK_AFTER_DAYS = 10
"""Days that a pending refund may take."""

R = TypeVar("R")


class Line(msgspec.Struct):
    """One product of an order."""

    line: str
    sku: str
    quantity: int
    unit_price_minor: int
    status: str


class Order(msgspec.Struct):
    """What was ordered."""

    lines: list[Line]


class Parcel(msgspec.Struct):
    """One box, and the pieces packed in it by product."""

    status: str
    items: dict[str, int]


class Shipment(msgspec.Struct):
    """One dispatch."""

    parcels: list[Parcel]
    days_past_promise: int = 0
    replacement: bool = False
    cancelled: bool = False


class Refund(msgspec.Struct):
    """Money on its way back or there; `line` is set where it pays for pieces."""

    amount_minor: int
    currency: str
    status: str
    reason: str
    requested_at: datetime
    days_pending: int = 0
    line: str | None = None
    quantity: int | None = None

    @property
    def active(self) -> bool:
        """Tell whether the customer has the money or gets it."""
        return self.status in ("pending", "completed")

    @property
    def stuck(self) -> bool:
        """Tell whether the money has been on its way for too long."""
        return self.status == "pending" and self.days_pending > STUCK_AFTER_DAYS


class Promise(msgspec.Struct):
    """A refund that support promised."""

    promise: str
    amount_minor: int
    currency: str
    promised_at: datetime
    days_past_due: int = 0


class OtherPayment(msgspec.Struct):
    """A payment of equal amount on another order of the customer."""

    status: str


class PaymentFacts(msgspec.Struct):
    """One charge, its refunds and its promises."""

    amount_minor: int
    currency: str
    status: str
    instrument: str
    captured_at: datetime | None = None
    authorised_at: datetime | None = None
    refunds: list[Refund] = []
    promises: list[Promise] = []
    equal_on_other_orders: list[OtherPayment] = []


class Invoice(msgspec.Struct):
    """What the customer owes."""

    total_minor: int
    currency: str


class Stock(msgspec.Struct):
    """Pieces that can be sent."""

    available: int


class Payment:
    """A charge by its id, with what follows from its facts."""

    def __init__(self, evidence_id: str, facts: PaymentFacts) -> None:
        self.evidence_id = evidence_id
        self.id = evidence_id.partition("/")[2]
        self.amount = facts.amount_minor
        self.currency = facts.currency
        self.status = facts.status
        self.instrument = facts.instrument
        taken_at = facts.captured_at or facts.authorised_at
        if taken_at is None:
            raise ValueError("a payment without an instant")
        self.taken_at = taken_at
        self.refunds = facts.refunds
        self.promises = facts.promises
        self.equal_elsewhere = any(
            other.status == "captured" for other in facts.equal_on_other_orders
        )

    @property
    def taken(self) -> bool:
        """Tell whether the money was taken."""
        return self.status in ("captured", "refunded")

    def refunded(self, reason: str | None = None) -> int:
        """Return what is paid back, for `reason` only if one is given."""
        return sum(r.amount_minor for r in self.refunds if r.active and reason in (None, r.reason))

    @property
    def refundable(self) -> int:
        """Return what may still be paid back."""
        return max(0, self.amount - self.refunded()) if self.status == "captured" else 0


class Ledger:
    """The evidence of a case, sorted by kind.

    Attributes:
        orders: By evidence id.
        shipments: By evidence id.
        payments: In the order in which the money was taken.
        invoice: What is owed, or None.
        stock: Available pieces by product.
        unreadable: Evidence ids whose facts make no sense.
    """

    def __init__(self, evidence: Mapping[str, Mapping[str, Any]]) -> None:
        self.orders: dict[str, Order] = {}
        self.shipments: dict[str, Shipment] = {}
        self.payments: list[Payment] = []
        self.invoice: Invoice | None = None
        self.invoice_id = ""
        self.stock: dict[str, int] = {}
        self.unreadable: list[str] = []
        for evidence_id, facts in evidence.items():
            try:
                self._file(evidence_id, facts)
            except ValueError:
                self.unreadable.append(evidence_id)
        self.payments.sort(key=lambda p: (p.taken_at, p.id))

    def _file(self, evidence_id: str, facts: Mapping[str, Any]) -> None:
        """Recognise the kind of a record.

        Raises:
            ValueError: it is of no known kind, or a field is missing or of another type.
        """
        if "lines" in facts:
            self.orders[evidence_id] = _read(Order, facts)
        elif "parcels" in facts:
            self.shipments[evidence_id] = _read(Shipment, facts)
        elif "total_minor" in facts:
            self.invoice, self.invoice_id = _read(Invoice, facts), evidence_id
        elif "amount_minor" in facts:
            self.payments.append(Payment(evidence_id, _read(PaymentFacts, facts)))
        elif "available" in facts:
            self.stock[evidence_id.partition("/")[2]] = _read(Stock, facts).available
        else:
            raise ValueError("of no known kind")

    @property
    def lines(self) -> list[Line]:
        """Return the order lines, by line id."""
        lines = [line for order in self.orders.values() for line in order.lines]
        return sorted(lines, key=lambda line: line.line)

    def refunded_pieces(self, line_id: str) -> int:
        """Return how many pieces of a line are paid back."""
        return sum(
            refund.quantity or 0
            for payment in self.payments
            for refund in payment.refunds
            if refund.active and refund.line == line_id
        )


def _read(kind: type[R], facts: Mapping[str, Any]) -> R:
    # msgspec's ValidationError is a ValueError.
    return msgspec.convert(facts, kind)
