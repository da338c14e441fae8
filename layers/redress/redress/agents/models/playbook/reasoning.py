"""The playbook's own judgement: from facts to actions, findings and citations."""

from typing import Any

from redress.agents.models.playbook.ledger import Ledger, Line, Payment, Promise, Refund

LATE_AFTER_DAYS = 7
"""Days past the promised date after which an undelivered parcel counts as lost."""


class Shortage:
    """Pieces of a line that the customer does not have."""

    def __init__(self, line: Line, quantity: int, reason: str) -> None:
        self.line_id = line.line
        self.sku = line.sku
        self.unit_price = line.unit_price_minor
        self.quantity = quantity
        self.reason = reason


class Verdict:
    """What the playbook concludes.

    Attributes:
        actions: (action, subject id, reason code), payments first.
        findings: Why something is no incident.
        citations: Evidence ids relied on.
        conflicts: Why the evidence does not suffice; empty if it does.
    """

    def __init__(self) -> None:
        self.actions: list[tuple[str, str, str]] = []
        self.findings: dict[str, None] = {}
        self.citations: dict[str, None] = {}
        self.conflicts: list[str] = []

    def find(self, code: str, *evidence_ids: str) -> None:
        """Note a finding and what shows it."""
        self.findings[code] = None
        self.cite(*evidence_ids)

    def cite(self, *evidence_ids: str) -> None:
        """Note evidence relied on."""
        self.citations.update(dict.fromkeys(evidence_ids))

    def act(self, action: str, subject_id: str, reason: str, *evidence_ids: str) -> None:
        """Note an action and what shows that it is due."""
        self.actions.append((action, subject_id, reason))
        self.cite(*evidence_ids)


def judge(ledger: Ledger) -> Verdict:
    """Conclude from all facts of a case."""
    verdict = Verdict()
    if not ledger.orders:
        verdict.conflicts.append("the order was not found")
    if ledger.unreadable:
        verdict.conflicts.append("some evidence cannot be read")
    kept = _judge_payments(ledger, verdict)
    _judge_lines(ledger, kept, verdict)
    return verdict


def shortages(ledger: Ledger) -> list[Shortage]:
    """Return what is short of each shipped line, by line id."""
    there: dict[str, int] = {}
    lost: dict[str, int] = {}
    received: dict[str, int] = {}
    for shipment in ledger.shipments.values():
        if shipment.cancelled:
            continue
        late = shipment.days_past_promise > LATE_AFTER_DAYS
        for parcel in shipment.parcels:
            delivered = parcel.status == "delivered"
            gone = parcel.status == "lost" or (late and not delivered)
            for sku, pieces in parcel.items.items():
                pool = lost if gone else there
                pool[sku] = pool.get(sku, 0) + pieces
                if delivered and not shipment.replacement:
                    received[sku] = received.get(sku, 0) + pieces
    ordered: dict[str, int] = {}
    for line in ledger.lines:
        if line.status != "cancelled":
            ordered[line.sku] = ordered.get(line.sku, 0) + line.quantity
    mixed_up = any(pieces > ordered.get(sku, 0) for sku, pieces in received.items())
    found: list[Shortage] = []
    for line in ledger.lines:
        if line.status != "shipped":
            continue
        sku = line.sku
        short = max(0, line.quantity - ledger.refunded_pieces(line.line))
        short -= _take(there, sku, short)
        undelivered = _take(lost, sku, short)
        if undelivered:
            found.append(Shortage(line, undelivered, "not_delivered"))
        if short > undelivered:
            reason = "wrong_item" if mixed_up else "missing_item"
            found.append(Shortage(line, short - undelivered, reason))
    return found


def _take(pool: dict[str, int], sku: str, wanted: int) -> int:
    taken = min(wanted, pool.get(sku, 0))
    pool[sku] = pool.get(sku, 0) - taken
    return taken


def _judge_payments(ledger: Ledger, verdict: Verdict) -> list[Payment]:
    """Judge charges and promises; return the payments that stay, the primary one first."""
    for payment in ledger.payments:
        if payment.status in ("voided", "authorised"):
            verdict.find("authorisation_voided", payment.evidence_id)
    taken = [payment for payment in ledger.payments if payment.taken]
    conflict = _currency_conflict(ledger, taken)
    if conflict:
        verdict.conflicts.append(conflict)
        return []
    assert ledger.invoice is not None
    total = ledger.invoice.total_minor
    excess = max(0, sum(payment.amount for payment in taken) - total)
    verdict.cite(ledger.invoice_id, *(payment.evidence_id for payment in taken))
    kept, left, planned = _judge_duplicates(taken, excess, verdict)
    if not excess and taken:
        verdict.find("charged_as_invoiced")
        for payment in taken:
            if payment.equal_elsewhere:
                verdict.find("second_order", payment.evidence_id)
    left -= sum(payment.refunded("overcharged") for payment in kept)
    if left > 0 and kept:
        amount = min(left, kept[0].refundable)
        if amount:
            verdict.act("refund_payment", kept[0].id, "overcharged", kept[0].evidence_id)
            planned[kept[0].id] = planned.get(kept[0].id, 0) + amount
    for payment in ledger.payments:
        _judge_promises(payment, planned.get(payment.id, 0), verdict)
    return kept


def _currency_conflict(ledger: Ledger, taken: list[Payment]) -> str:
    if ledger.invoice is None:
        return "the invoice is missing"
    currency = ledger.invoice.currency
    for payment in taken:
        if payment.currency != currency:
            return "a payment and the invoice differ in currency"
        if any(refund.active and refund.currency != currency for refund in payment.refunds):
            return "a refund and the invoice differ in currency"
    return ""


def _judge_duplicates(
    taken: list[Payment], excess: int, verdict: Verdict
) -> tuple[list[Payment], int, dict[str, int]]:
    """Return (payments that stay, excess no duplicate explains, what is refunded by payment)."""
    kept: list[Payment] = []
    planned: dict[str, int] = {}
    amounts = sorted({payment.amount for payment in taken}, reverse=True)
    for amount in amounts:
        equal = [payment for payment in taken if payment.amount == amount]
        candidates = _likeliest_first(equal)
        count = min(len(candidates), excess // amount) if amount else 0
        excess -= count * amount
        duplicates = candidates[:count]
        staying = [p for p in equal if p not in duplicates]
        kept += staying
        credit = sum(p.refunded("duplicate_charge") for p in staying)
        for payment in duplicates:
            due = max(0, payment.refundable - credit)
            credit -= payment.refundable - due
            if due:
                verdict.act("refund_payment", payment.id, "duplicate_charge", payment.evidence_id)
                planned[payment.id] = due
            else:
                verdict.find("already_refunded", payment.evidence_id)
    kept.sort(key=lambda p: (-p.amount, p.taken_at, p.id))
    return kept, excess, planned


def _likeliest_first(equal: list[Payment]) -> list[Payment]:
    """Return which of equal payments may be duplicates of the first one.

    A charge that repeats an instrument is likelier than one of another, a later one likelier.
    """
    repeats: list[Payment] = []
    others: list[Payment] = []
    seen = {equal[0].instrument}
    for payment in equal[1:]:
        (repeats if payment.instrument in seen else others).insert(0, payment)
        seen.add(payment.instrument)
    return repeats + others


def _judge_promises(payment: Payment, planned: int, verdict: Verdict) -> None:
    """Judge the promises on one payment, overdue ones first; a refund counts for one only."""
    if any(p.currency != payment.currency for p in payment.promises) or (
        payment.promises
        and any(r.active and r.currency != payment.currency for r in payment.refunds)
    ):
        verdict.conflicts.append("a promise or refund and its payment differ in currency")
        return
    refunds = sorted((r for r in payment.refunds if r.active), key=lambda r: r.requested_at)
    # What this verdict refunds counts too; a stuck refund is needed only where nothing else is.
    pool: list[Any] = [
        *([r.amount_minor, r] for r in refunds if not r.stuck),
        [planned, None],
        *([r.amount_minor, r] for r in refunds if r.stuck),
    ]
    refundable = payment.refundable - planned
    due = False
    for promise in sorted(
        payment.promises, key=lambda p: (p.days_past_due <= 0, p.promised_at, p.promise)
    ):
        missing = promise.amount_minor
        used_refunds: list[Refund] = []
        for entry in pool:
            amount, refund = entry
            if refund is not None and refund.requested_at < promise.promised_at:
                continue
            used = min(missing, amount)
            entry[0] -= used
            missing -= used
            if used and refund is not None:
                used_refunds.append(refund)
        pending = any(refund.status == "pending" for refund in used_refunds)
        stuck = any(refund.stuck for refund in used_refunds)
        if _note_promise(payment, promise, missing, pending, stuck, verdict):
            amount = min(missing, refundable)
            refundable -= amount
            due = due or amount > 0
    if due:
        verdict.act("refund_payment", payment.id, "refund_not_received", payment.evidence_id)


def _note_promise(
    payment: Payment,
    promise: Promise,
    missing: int,
    pending: bool,
    stuck: bool,
    verdict: Verdict,
) -> bool:
    """Note what is known of a promise; tell whether it is broken."""
    if not missing and not pending:
        verdict.find("already_refunded", payment.evidence_id)
    if not promise.days_past_due > 0 or (pending and not stuck):
        verdict.find("refund_in_progress", payment.evidence_id)
    if promise.days_past_due > 0 and stuck:
        verdict.conflicts.append("a pending refund takes too long")
        return False
    return promise.days_past_due > 0 and missing > 0


def _judge_lines(ledger: Ledger, kept: list[Payment], verdict: Verdict) -> None:
    """Judge what arrived, and whether it can be sent again."""
    for evidence_id, order in ledger.orders.items():
        verdict.cite(evidence_id)
        if any(line.status == "backordered" for line in order.lines):
            verdict.find("backordered", evidence_id)
    short = shortages(ledger)
    verdict.cite(*(name for name, s in ledger.shipments.items() if short or s.parcels))
    statuses = {
        parcel.status
        for shipment in ledger.shipments.values()
        if not shipment.cancelled and shipment.days_past_promise <= LATE_AFTER_DAYS
        for parcel in shipment.parcels
    }
    if not short and statuses & {"in_transit", "preparing"}:
        verdict.find("in_transit")
    elif not short and statuses == {"delivered"}:
        verdict.find("delivered")
    stock = dict(ledger.stock)
    refundable = [payment.refundable for payment in kept]
    for shortage in short:
        known = (f"inventory/{shortage.sku}",) if shortage.sku in ledger.stock else ()
        if _take_all(stock, shortage.sku, shortage.quantity):
            verdict.act("reship_line", shortage.line_id, shortage.reason, *known)
            continue
        amount = shortage.unit_price * shortage.quantity
        if not amount:
            continue
        if not any(amount <= left for left in refundable):
            verdict.conflicts.append("no payment can carry the refund of a line")
            continue
        verdict.act("refund_line", shortage.line_id, shortage.reason, *known)


def _take_all(stock: dict[str, int], sku: str, quantity: int) -> bool:
    if stock.get(sku, 0) < quantity:
        return False
    stock[sku] -= quantity
    return True
