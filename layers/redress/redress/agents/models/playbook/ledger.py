"""Facts of the evidence as records, recognised by their fields."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

STUCK_AFTER_DAYS = 10
"""Days that a pending refund may take."""


class Refund(NamedTuple):
    """Money on its way back or there; `line` is set where it pays for pieces."""

    amount: int
    currency: str
    status: str
    reason: str
    requested_at: datetime
    days_pending: int
    line: str | None
    quantity: int

    @property
    def active(self) -> bool:
        """Tell whether the customer has the money or gets it."""
        return self.status in ("pending", "completed")

    @property
    def stuck(self) -> bool:
        """Tell whether the money has been on its way for too long."""
        return self.status == "pending" and self.days_pending > STUCK_AFTER_DAYS


class Promise(NamedTuple):
    """A refund that support promised."""

    promise: str
    amount: int
    currency: str
    promised_at: datetime
    overdue: bool


class Payment:
    """One charge, its refunds and its promises."""

    def __init__(self, payment_id: str, facts: Mapping[str, Any]) -> None:
        self.id = payment_id
        self.evidence_id = f"payments/{payment_id}"
        self.amount = int(facts["amount_minor"])
        self.currency = str(facts.get("currency"))
        self.status = str(facts.get("status"))
        self.instrument = facts.get("instrument")
        self.taken_at = _instant(facts.get("captured_at") or facts["authorised_at"])
        self.equal_elsewhere = [
            other
            for other in _records(facts.get("equal_on_other_orders"))
            if other.get("status") == "captured"
        ]
        self.refunds = [_refund(record) for record in _records(facts.get("refunds"))]
        self.promises = [_promise(record) for record in _records(facts.get("promises"))]

    @property
    def taken(self) -> bool:
        """Tell whether the money was taken."""
        return self.status in ("captured", "refunded")

    def refunded(self, reason: str | None = None) -> int:
        """Return what is paid back, for `reason` only if one is given."""
        return sum(r.amount for r in self.refunds if r.active and reason in (None, r.reason))

    @property
    def refundable(self) -> int:
        """Return what may still be paid back."""
        return max(0, self.amount - self.refunded()) if self.status == "captured" else 0


class Ledger:
    """The evidence of a case, sorted by kind.

    Attributes:
        orders, shipments, stock: Facts by evidence id (`stock`: pieces by product).
        payments: In the order in which the money was taken.
        invoice: Facts of the invoice, or None.
        unreadable: Evidence ids whose facts make no sense.
    """

    def __init__(self, evidence: Mapping[str, Mapping[str, Any]]) -> None:
        self.orders: dict[str, Mapping[str, Any]] = {}
        self.shipments: dict[str, Mapping[str, Any]] = {}
        self.payments: list[Payment] = []
        self.invoice: Mapping[str, Any] | None = None
        self.invoice_id = ""
        self.stock: dict[str, int] = {}
        self.unreadable: list[str] = []
        for evidence_id, facts in evidence.items():
            try:
                self._file(evidence_id, facts)
            except (KeyError, TypeError, ValueError):
                self.unreadable.append(evidence_id)
        self.payments.sort(key=lambda p: (p.taken_at, p.id))

    def _file(self, evidence_id: str, facts: Mapping[str, Any]) -> None:
        name = evidence_id.partition("/")[2]
        if "lines" in facts:
            self.orders[evidence_id] = facts
        elif "parcels" in facts:
            self.shipments[evidence_id] = facts
        elif "total_minor" in facts:
            self.invoice, self.invoice_id = facts, evidence_id
        elif "amount_minor" in facts:
            self.payments.append(Payment(name, facts))
        elif "available" in facts:
            self.stock[name] = int(facts["available"])
        else:
            self.unreadable.append(evidence_id)

    @property
    def lines(self) -> list[Mapping[str, Any]]:
        """Return the order lines, by line id."""
        lines = [line for order in self.orders.values() for line in order["lines"]]
        return sorted(lines, key=lambda line: str(line["line"]))

    def refunded_pieces(self, line_id: str) -> int:
        """Return how many pieces of a line are paid back."""
        return sum(
            refund.quantity
            for payment in self.payments
            for refund in payment.refunds
            if refund.active and refund.line == line_id
        )


def _instant(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))


def _records(value: Any) -> list[Mapping[str, Any]]:
    return [record for record in value if isinstance(record, dict)] if value else []


def _refund(facts: Mapping[str, Any]) -> Refund:
    return Refund(
        amount=int(facts["amount_minor"]),
        currency=str(facts.get("currency")),
        status=str(facts.get("status")),
        reason=str(facts.get("reason")),
        requested_at=_instant(facts["requested_at"]),
        days_pending=int(facts.get("days_pending") or 0),
        line=facts.get("line"),
        quantity=int(facts.get("quantity") or 0),
    )


def _promise(facts: Mapping[str, Any]) -> Promise:
    return Promise(
        promise=str(facts.get("promise")),
        amount=int(facts["amount_minor"]),
        currency=str(facts.get("currency")),
        promised_at=_instant(facts["promised_at"]),
        overdue=int(facts.get("days_past_due") or 0) > 0,
    )
