"""What one order's payments, refunds and promises leave to be paid back: pure rules."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from redress.domains.payments.models import (
    Assessment,
    ConflictingEvidence,
    Due,
    DueReason,
    Invoice,
    Payment,
    PaymentFacts,
    Refund,
    RefundPromise,
    RefundReason,
)
from redress.domains.payments.rules import REFUND_PROCESSING_DAYS


def captured(payments: Iterable[Payment]) -> tuple[Payment, ...]:
    """Return the payments whose money was taken, refunded ones included, earliest first."""
    taken = (p for p in payments if p.status in ("captured", "refunded"))
    return tuple(sorted(taken, key=_taken_at))


def refunded_minor(
    payment: Payment, refunds: Iterable[Refund], reason: RefundReason | None = None
) -> int:
    """Return what was or is being paid back on `payment`, for `reason` only if one is given."""
    return sum(
        r.amount_minor
        for r in _active(refunds)
        if r.payment_id == payment.payment_id and reason in (None, r.reason)
    )


def refundable_minor(payment: Payment, refunds: Iterable[Refund]) -> int:
    """Return what may still be paid back: the captured amount minus pending and completed refunds.

    Nothing of a payment that was never captured, or that is marked as refunded.
    """
    if payment.status != "captured":
        return 0
    return max(0, payment.amount_minor - refunded_minor(payment, refunds))


def gross_excess_minor(payments: Iterable[Payment], invoice: Invoice) -> int:
    """Return how much more was captured than invoiced, refunds ignored; never negative."""
    return max(0, sum(p.amount_minor for p in captured(payments)) - invoice.total_minor)


def duplicate_payments(
    payments: Sequence[Payment], refunds: Sequence[Refund], invoice: Invoice | None
) -> tuple[Due, ...] | ConflictingEvidence:
    """Return what is due on payments that repeat another of the same order, by payment id.

    Of the captured payments of equal amount all but the earliest are duplicates, as far as the
    gross excess carries them. A duplicate that was paid back is no finding, be it on the
    duplicate itself or, as a refund for duplicate_charge, on the payment that it repeats.
    """
    conflict = _ledger_conflict(payments, refunds, invoice)
    if conflict is not None or invoice is None:
        return conflict or ConflictingEvidence(code="invoice_missing")
    dues: list[Due] = []
    for kept, duplicates in _split_groups(payments, invoice):
        credit = sum(refunded_minor(p, refunds, "duplicate_charge") for p in kept)
        for payment in duplicates:
            open_minor = refundable_minor(payment, refunds)
            amount = max(0, open_minor - credit)
            credit -= open_minor - amount
            if amount:
                dues.append(_due(payment, "duplicate_charge", amount))
    return tuple(sorted(dues, key=lambda due: due.payment_id))


def overcharge(
    payments: Sequence[Payment], refunds: Sequence[Refund], invoice: Invoice | None
) -> tuple[Due, ...] | ConflictingEvidence:
    """Return the excess that no duplicate explains, as at most one due on the primary payment.

    Refunds already made for overcharged are taken off.
    """
    conflict = _ledger_conflict(payments, refunds, invoice)
    if conflict is not None or invoice is None:
        return conflict or ConflictingEvidence(code="invoice_missing")
    kept, duplicates = _split(payments, invoice)
    left = gross_excess_minor(payments, invoice) - sum(p.amount_minor for p in duplicates)
    left -= sum(refunded_minor(p, refunds, "overcharged") for p in kept)
    if left <= 0 or not kept:
        return ()
    amount = min(left, refundable_minor(kept[0], refunds))
    return (_due(kept[0], "overcharged", amount),) if amount else ()


def unkept_promises(
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
    promises: Sequence[RefundPromise],
    as_of: datetime,
) -> tuple[Due, ...] | ConflictingEvidence:
    """Return what is due on promises past their date, in the order in which they were made.

    Completed and pending refunds on the same payment since the promise count towards it, each
    once: promises past their date first, then the oldest; failed and cancelled ones do not. A
    pending refund that takes longer than REFUND_PROCESSING_DAYS and would be needed to keep a
    promise is a conflict, since paying again could pay twice.
    """
    by_id = {p.payment_id: p for p in payments}
    ordered = sorted(promises, key=lambda p: (as_of <= p.due_at, p.promised_at, p.promise_id))
    conflict = _promise_conflict(by_id, refunds, ordered)
    if conflict is not None:
        return conflict
    unused = {r.refund_id: r.amount_minor for r in _active(refunds)}
    refundable = {p.payment_id: refundable_minor(p, refunds) for p in payments}
    dues: list[Due] = []
    for promise in ordered:
        missing, stuck = promise.amount_minor, []
        # A stuck refund is needed only where the others do not suffice.
        for refund in sorted(
            _active(refunds), key=lambda r: (is_stuck(r, as_of), r.requested_at, r.refund_id)
        ):
            if refund.payment_id != promise.payment_id:
                continue
            if refund.requested_at < promise.promised_at:
                continue
            used = min(missing, unused[refund.refund_id])
            unused[refund.refund_id] -= used
            missing -= used
            if used and is_stuck(refund, as_of):
                stuck.append(refund.refund_id)
        if as_of <= promise.due_at:
            continue
        if stuck:
            return ConflictingEvidence(code="refund_stuck", subjects=tuple(sorted(stuck)))
        amount = min(missing, refundable[promise.payment_id])
        if amount:
            refundable[promise.payment_id] -= amount
            payment = by_id[promise.payment_id]
            dues.append(_due(payment, "refund_not_received", amount, promise.promise_id))
    return tuple(dues)


def is_stuck(refund: Refund, as_of: datetime) -> bool:
    """Tell whether a refund has been pending for too long."""
    allowed = timedelta(days=REFUND_PROCESSING_DAYS)
    return refund.status == "pending" and as_of > refund.requested_at + allowed


def assess(facts: PaymentFacts, as_of: datetime) -> Assessment:
    """Return all that is due on an order, so that the dues can be paid together.

    The rules apply one after the other: duplicates, overcharge, promises. What an earlier rule
    pays on a payment counts towards a promise on that payment.
    """
    dues: list[Due] = []
    conflicts: list[ConflictingEvidence] = []
    for rule in (duplicate_payments, overcharge):
        found = rule(facts.payments, facts.refunds, facts.invoice)
        if isinstance(found, ConflictingEvidence):
            if found not in conflicts:
                conflicts.append(found)
        else:
            dues.extend(found)
    planned = tuple(_as_refund(due, facts.order_id, as_of) for due in dues)
    found = unkept_promises(facts.payments, (*facts.refunds, *planned), facts.promises, as_of)
    if isinstance(found, ConflictingEvidence):
        conflicts.append(found)
    else:
        dues.extend(found)
    return Assessment(dues=tuple(dues), conflicts=tuple(conflicts))


def due_minor(
    facts: PaymentFacts, payment_id: str, reason: DueReason, as_of: datetime
) -> int | ConflictingEvidence:
    """Return what is due on one payment for one reason taken alone; 0 if nothing is."""
    found: tuple[Due, ...] | ConflictingEvidence
    match reason:
        case "duplicate_charge":
            found = duplicate_payments(facts.payments, facts.refunds, facts.invoice)
        case "overcharged":
            found = overcharge(facts.payments, facts.refunds, facts.invoice)
        case "refund_not_received":
            found = unkept_promises(facts.payments, facts.refunds, facts.promises, as_of)
    if isinstance(found, ConflictingEvidence):
        return found
    return sum(due.amount_minor for due in found if due.payment_id == payment_id)


def payment_for_line_refund(
    facts: PaymentFacts, amount_minor: int
) -> Payment | ConflictingEvidence:
    """Return the payment that a refund of pieces goes back to: never a duplicate.

    The largest payment that can carry the amount, the earliest of equal ones.
    """
    conflict = _ledger_conflict(facts.payments, facts.refunds, facts.invoice)
    if conflict is not None or facts.invoice is None:
        return conflict or ConflictingEvidence(code="invoice_missing")
    kept, _ = _split(facts.payments, facts.invoice)
    for payment in kept:
        if refundable_minor(payment, facts.refunds) >= amount_minor:
            return payment
    ids = tuple(sorted(p.payment_id for p in kept))
    return ConflictingEvidence(code="not_refundable", subjects=ids)


def refunded_pieces(refunds: Iterable[Refund]) -> dict[str, int]:
    """Return how many pieces of each order line were or are being paid back, by line id."""
    pieces: dict[str, int] = {}
    for refund in _active(refunds):
        if refund.line_id is not None:
            pieces[refund.line_id] = pieces.get(refund.line_id, 0) + (refund.quantity or 0)
    return pieces


def _active(refunds: Iterable[Refund]) -> list[Refund]:
    return [r for r in refunds if r.status in ("pending", "completed")]


def _taken_at(payment: Payment) -> tuple[datetime, str]:
    return (payment.captured_at or payment.authorised_at, payment.payment_id)


def _split_groups(
    payments: Iterable[Payment], invoice: Invoice
) -> list[tuple[list[Payment], list[Payment]]]:
    """Split each group of equal captured payments into those to keep and the duplicates.

    Large amounts come first. Within a group a repeated instrument is the likelier duplicate
    (of a split tender every instrument is charged once), then the later payment.
    """
    taken = sorted(captured(payments), key=lambda p: -p.amount_minor)
    excess = gross_excess_minor(payments, invoice)
    groups: list[tuple[list[Payment], list[Payment]]] = []
    for amount, equal in groupby(taken, key=lambda p: p.amount_minor):
        first, *rest = equal
        seen = {first.instrument_id}
        repeats: list[Payment] = []
        others: list[Payment] = []
        for payment in rest:
            (repeats if payment.instrument_id in seen else others).append(payment)
            seen.add(payment.instrument_id)
        candidates = [*reversed(repeats), *reversed(others)]
        count = min(len(candidates), excess // amount) if amount else 0
        excess -= count * amount
        groups.append(([first, *candidates[count:]], candidates[:count]))
    return groups


def _split(payments: Iterable[Payment], invoice: Invoice) -> tuple[list[Payment], list[Payment]]:
    """Return (kept, duplicates); the first kept payment is the primary: the largest, earliest."""
    groups = _split_groups(payments, invoice)
    kept = [p for group, _ in groups for p in group]
    kept.sort(key=lambda p: (-p.amount_minor, *_taken_at(p)))
    return kept, [p for _, group in groups for p in group]


def _ledger_conflict(
    payments: Iterable[Payment], refunds: Iterable[Refund], invoice: Invoice | None
) -> ConflictingEvidence | None:
    if invoice is None:
        return ConflictingEvidence(code="invoice_missing")
    taken = captured(payments)
    foreign = [p.payment_id for p in taken if p.currency != invoice.currency]
    ids = {p.payment_id for p in taken}
    foreign += [
        r.refund_id
        for r in _active(refunds)
        if r.payment_id in ids and r.currency != invoice.currency
    ]
    if foreign:
        return ConflictingEvidence(code="currency_differs", subjects=tuple(sorted(foreign)))
    return None


def _promise_conflict(
    by_id: dict[str, Payment], refunds: Iterable[Refund], promises: Sequence[RefundPromise]
) -> ConflictingEvidence | None:
    unknown = sorted({p.payment_id for p in promises} - by_id.keys())
    if unknown:
        return ConflictingEvidence(code="payment_unknown", subjects=tuple(unknown))
    foreign = [p.promise_id for p in promises if p.currency != by_id[p.payment_id].currency]
    promised = {p.payment_id for p in promises}
    foreign += [
        r.refund_id
        for r in _active(refunds)
        if r.payment_id in promised and r.currency != by_id[r.payment_id].currency
    ]
    if foreign:
        return ConflictingEvidence(code="currency_differs", subjects=tuple(sorted(foreign)))
    return None


def _due(payment: Payment, reason: DueReason, amount: int, promise_id: str | None = None) -> Due:
    return Due(
        payment_id=payment.payment_id,
        reason_code=reason,
        amount_minor=amount,
        currency=payment.currency,
        promise_id=promise_id,
    )


def _as_refund(due: Due, order_id: str, as_of: datetime) -> Refund:
    return Refund(
        refund_id=f"planned.{due.payment_id}.{due.reason_code}",
        payment_id=due.payment_id,
        order_id=order_id,
        amount_minor=due.amount_minor,
        currency=due.currency,
        status="pending",
        reason=due.reason_code,
        requested_at=as_of,
    )
