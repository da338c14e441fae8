"""What the ledger says about a proposed action: support, amount, payee, goods."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import get_args

import msgspec

from redress.domains.inventory.models import StockFacts
from redress.domains.inventory.service import available
from redress.domains.orders.models import OrderFacts, OrderLine
from redress.domains.orders.service import Shortage, ShortageReason, line_refund_minor, shortages
from redress.domains.payments.models import (
    ConflictingEvidence,
    DueReason,
    Payment,
    PaymentFacts,
    Refund,
)
from redress.domains.payments.service import (
    due_minor,
    payment_for_line_refund,
    refundable_minor,
    refunded_minor,
    refunded_pieces,
)
from redress.models.investigation import ProposedAction, ReasonCode

PAYMENT_REASONS: tuple[DueReason, ...] = get_args(DueReason)
LINE_REASONS: tuple[str, ...] = get_args(ShortageReason)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says about one action; `problem` is "<id>: <text>" where it says no.

    `payment` is the one to pay back, `amount_minor` the refund or the price of the pieces.
    `is_doubtful` says that the same debt may have been paid under another name.
    """

    problem: str | None = None
    is_doubtful: bool = False
    payment: Payment | None = None
    refundable_minor: int = 0
    line: OrderLine | None = None
    amount_minor: int = 0
    quantity: int = 0
    available: int = 0


class Ledger:
    """The records about one order, and what is planned on top of them.

    Actions that were found good are planned, so that the next one is judged as if they were done.
    """

    def __init__(
        self, orders: OrderFacts, payments: PaymentFacts, stock: StockFacts, as_of: datetime
    ) -> None:
        self._order = orders.order
        self._payments = payments
        self._as_of = as_of
        self._lines = {line.line_id: line for line in orders.order.lines}
        self._short = shortages(
            orders.order, orders.shipments, as_of, refunded_pieces(payments.refunds)
        )
        self._left = Counter[str]()
        for shortage in self._short:
            self._left[shortage.line_id] += shortage.quantity
        self._available = {stock.sku: available(stock) for stock in stock.stocks}

    def judge(self, action: ProposedAction) -> Finding:
        """Say what the ledger supports of an action."""
        if action.action == "refund_payment":
            return self._judge_payment(action)
        return self._judge_line(action)

    def plan(self, action: ProposedAction, finding: Finding) -> None:
        """Count an action as done."""
        if action.action == "reship_line":
            if finding.line is not None:
                self._left[finding.line.line_id] -= finding.quantity
                self._available[finding.line.sku] -= finding.quantity
            return
        if finding.payment is None:
            return
        if finding.line is not None:
            self._left[finding.line.line_id] -= finding.quantity
        self._payments = with_refund(self._payments, planned_refund(action, finding, self._as_of))

    def _judge_payment(self, action: ProposedAction) -> Finding:
        payment = find_payment(self._payments, action.subject_id)
        if payment is None:
            return _no("unknown-subject", f"The order has no payment {action.subject_id}.")
        left = refundable_minor(payment, self._payments.refunds)
        doubtful = is_doubtful(self._payments, payment, action.reason_code)
        found = Finding(payment=payment, refundable_minor=left, is_doubtful=doubtful)
        reason = due_reason(action.reason_code)
        if reason is None:
            return _no("wrong-reason", f"{action.reason_code} is no reason to refund a payment.")
        due = due_minor(self._payments, payment.payment_id, reason, self._as_of)
        if isinstance(due, ConflictingEvidence):
            problem = f"ledger-conflict: {_conflict(due)}"
        elif due == 0:
            problem = f"nothing-due: Nothing is due on {payment.payment_id} for {reason}."
        else:
            return msgspec.structs.replace(found, amount_minor=due)
        return msgspec.structs.replace(found, problem=problem)

    def _judge_line(self, action: ProposedAction) -> Finding:
        line = self._lines.get(action.subject_id)
        if line is None:
            return _no("unknown-subject", f"The order has no line {action.subject_id}.")
        if action.reason_code not in LINE_REASONS:
            return _no("wrong-reason", f"{action.reason_code} is no reason to replace a line.")
        shortage = self._shortage(line.line_id, action.reason_code)
        if shortage is None or shortage.quantity > self._left[line.line_id]:
            return _no(
                "nothing-short", f"Nothing of {line.line_id} is short by {action.reason_code}."
            )
        quantity = shortage.quantity
        in_stock = self._available.get(line.sku, 0)
        found = Finding(
            line=line,
            quantity=quantity,
            available=in_stock,
            amount_minor=line_refund_minor(line, quantity),
        )
        if action.action == "reship_line":
            if quantity > in_stock:
                text = f"out-of-stock: {quantity} of {line.sku} are wanted, {in_stock} in stock."
                return msgspec.structs.replace(found, problem=text)
            return found
        if quantity <= in_stock:
            text = f"in-stock: {quantity} of {line.sku} are in stock, so the line is sent again."
            return msgspec.structs.replace(found, problem=text)
        payment = payment_for_line_refund(self._payments, found.amount_minor)
        if isinstance(payment, ConflictingEvidence):
            text = f"ledger-conflict: {_conflict(payment)}"
            return msgspec.structs.replace(found, problem=text)
        left = refundable_minor(payment, self._payments.refunds)
        return msgspec.structs.replace(found, payment=payment, refundable_minor=left)

    def _shortage(self, line_id: str, reason: str) -> Shortage | None:
        for shortage in self._short:
            if (shortage.line_id, shortage.reason) == (line_id, reason):
                return shortage
        return None


def due_reason(reason_code: ReasonCode) -> DueReason | None:
    """Return a reason to refund a payment as such; None for the others."""
    return next((reason for reason in PAYMENT_REASONS if reason == reason_code), None)


def is_doubtful(facts: PaymentFacts, payment: Payment, reason_code: ReasonCode) -> bool:
    """Tell whether an overcharge may be what a promised refund has paid back already.

    A promise does not say what it is for, so the records cannot tell; a human must.
    """
    paid_promises = refunded_minor(payment, facts.refunds, "refund_not_received")
    return reason_code == "overcharged" and paid_promises > 0


def find_payment(facts: PaymentFacts, payment_id: str | None) -> Payment | None:
    """Return a payment of the order."""
    return next((p for p in facts.payments if p.payment_id == payment_id), None)


def with_refund(facts: PaymentFacts, refund: Refund) -> PaymentFacts:
    """Return the facts with one refund more."""
    return msgspec.structs.replace(facts, refunds=(*facts.refunds, refund))


def planned_refund(action: ProposedAction, finding: Finding, at: datetime) -> Refund:
    """Return the refund that an action would make."""
    payment = finding.payment
    assert payment is not None
    return Refund(
        refund_id=f"planned.{action.action}.{action.subject_id}",
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        amount_minor=finding.amount_minor,
        currency=payment.currency,
        status="pending",
        reason=action.reason_code,
        requested_at=at,
        line_id=finding.line.line_id if finding.line else None,
        quantity=finding.quantity if finding.line else None,
    )


def short_pieces(
    orders: OrderFacts, payments: PaymentFacts, claimed: Mapping[str, int], as_of: datetime
) -> tuple[Shortage, ...]:
    """Return what is short of an order, pieces that are being refunded (`claimed`) left out."""
    refunded = Counter(refunded_pieces(payments.refunds))
    refunded.update(claimed)
    return shortages(orders.order, orders.shipments, as_of, refunded)


def _conflict(found: ConflictingEvidence) -> str:
    about = f" ({', '.join(found.subjects)})" if found.subjects else ""
    return f"The records contradict each other: {found.code}{about}."


def _no(code: str, text: str) -> Finding:
    return Finding(problem=f"{code}: {text}")
