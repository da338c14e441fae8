"""IssueRefund: pays back to the original instrument, by amounts from the ledger."""

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from redress.domains.orders.gateway import load_order
from redress.domains.orders.models import Order
from redress.domains.orders.service import line_refund_minor
from redress.domains.payments.gateway import load_payments, payment_key, put_payment, put_refund
from redress.domains.payments.models import Payment, PaymentFacts, Refund
from redress.domains.payments.service import due_minor, refundable_minor
from redress.errors import RefundRefusedError
from redress.identity.grants import Grants
from redress.models.settlement import Effect, RuledAction, Ruling, SettlementRequest, StepResult
from redress.policy.gate import ActionFacts, PolicyGate
from redress.ports import Clock, EventPublisher, Repository
from redress.steps.claims import claim_line
from redress.steps.effects import Change, do_once
from redress.steps.guards import put_guard, read_guard
from redress.steps.ledger import due_reason, find_payment, is_doubtful
from redress.steps.progress import publish_progress, shown
from redress.steps.settlement import REFUNDS, check_mandate, check_right, executable
from redress.steps.totals import StoredTotal, case_total, day_of, day_total


def issue_refund(
    request: SettlementRequest,
    orders: Repository,
    payments: Repository,
    cases: Repository,
    gate: PolicyGate,
    clock: Clock,
    publisher: EventPublisher,
) -> StepResult:
    """Pay each allowed refund once; asked again, it returns what it paid.

    Before each payment the ledger and the policy are asked again, with what stands now. The
    refund, its record and the sums of the case and of the customer's day are one commit.

    Raises:
        RefundRefusedError: the ledger or the policy does not allow it any more.
        CaseOwnedElsewhereError, CaseAlreadySettledError: this attempt is over.
        ApprovalMismatchError, ApprovalDeniedError: a human has not approved this settlement.
        AccessDeniedError: the customer has not asked for it, or not any more.
        ConflictError: other writes kept coming first.
    """
    mandate = check_mandate(request, cases)
    actions = executable(request.ruling, REFUNDS)
    grants = Grants(cases, clock)
    check_right(mandate, request.ruling, actions, grants, "payments", "refunds:execute")
    refunds = _Refunds(request, orders, payments, gate, mandate.as_of, clock.now())
    effects: list[Effect] = []
    for action in actions:

        def change(action: RuledAction = action) -> Change:
            return refunds.pay(action)

        effects.append(do_once(payments, action, request.attempt, change))
    result = StepResult(effects=tuple(effects))
    if effects:
        facts = {"effects": shown(result.effects)}
        ruling, now = request.ruling, clock.now()
        publish_progress(publisher, ruling, "refunded", request.attempt, now, facts)
    return result


class _Due(NamedTuple):
    """A payment on which something is owed, and its records."""

    payment: Payment
    facts: PaymentFacts


class _Refunds:
    """Turns ruled actions into refunds."""

    def __init__(
        self,
        request: SettlementRequest,
        orders: Repository,
        payments: Repository,
        gate: PolicyGate,
        as_of: datetime,
        now: datetime,
    ) -> None:
        self._request = request
        self._ruling: Ruling = request.ruling
        self._orders = orders
        self._payments = payments
        self._gate = gate
        self._as_of = as_of
        # A shop may live in another time than this machine: a refund never precedes its case.
        self._at = max(now, as_of)
        self._day = day_of(now)

    def pay(self, action: RuledAction) -> Change:
        """Build a refund with everything that must change with it.

        Raises:
            RefundRefusedError: the ledger or the policy does not allow it.
        """
        guard = read_guard(self._payments, self._ruling.order_id)
        due = self._due(action)
        totals = self._totals(due.payment.currency)
        self._ask(action, due, totals)
        payment = due.payment
        refund = Refund(
            refund_id=f"refund.{action.effect_key[:24]}.{self._request.attempt}",
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            amount_minor=action.amount_minor,
            currency=payment.currency,
            status="pending",
            reason=action.reason_code,
            requested_at=self._at,
            effect_key=action.effect_key,
            line_id=action.line_id,
            quantity=action.quantity if action.line_id else None,
        )
        effect = Effect(
            effect_key=action.effect_key,
            case_id=self._ruling.case_id,
            action=action.action,
            subject_id=action.subject_id,
            state="done",
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            payee=payment.instrument_id,
            reference=refund.refund_id,
            detail={"payment_id": payment.payment_id, "day": self._day},
        )
        writes = (
            put_guard(payment.order_id, guard),
            # Unchanged: its version makes sure that it was not voided meanwhile.
            put_payment(payment, due.facts.versions[payment_key(payment.payment_id)]),
            put_refund(refund, 0),
            *(total.changed(refund.amount_minor) for total in totals),
        )
        return Change(effect, writes)

    @cached_property
    def _order(self) -> Order:
        """The order, whose owner and prices no step changes."""
        return load_order(self._orders, self._ruling.order_id).order

    def _due(self, action: RuledAction) -> _Due:
        """Find the payment, and check that the ledger, as it stands now, owes the amount."""
        if action.action == "refund_line":
            claim_line(self._orders, self._payments, self._request, action, self._as_of)
        facts = load_payments(self._payments, self._ruling.order_id)
        payment = find_payment(facts, action.payment_id)
        if payment is None:
            raise RefundRefusedError(f"the order has no payment {action.payment_id}")
        if (payment.instrument_id, payment.currency) != (action.payee, action.currency):
            raise RefundRefusedError(f"{payment.payment_id} was made with another instrument")
        if action.action == "refund_line":
            owed = self._line_price(action)
        else:
            owed = self._payment_due(action, facts)
        if not 0 < action.amount_minor <= owed:
            raise RefundRefusedError(
                f"{action.amount_minor} is to be refunded for {action.subject_id}, {owed} is owed"
            )
        return _Due(payment, facts)

    def _payment_due(self, action: RuledAction, facts: PaymentFacts) -> int:
        reason = due_reason(action.reason_code)
        if reason is None or action.subject_id != action.payment_id:
            raise RefundRefusedError(f"{action.reason_code} is no reason to refund a payment")
        owed = due_minor(facts, action.subject_id, reason, self._as_of)
        if not isinstance(owed, int):
            raise RefundRefusedError(f"the records of the order contradict each other: {owed.code}")
        return owed

    def _line_price(self, action: RuledAction) -> int:
        for line in self._order.lines:
            if line.line_id == action.line_id == action.subject_id:
                return line_refund_minor(line, action.quantity)
        raise RefundRefusedError(f"the order has no line {action.line_id}")

    def _totals(self, currency: str) -> tuple[StoredTotal, StoredTotal]:
        ruling = self._ruling
        return (
            case_total(self._payments, ruling.case_id, currency),
            day_total(self._payments, ruling.customer_id, self._day, currency),
        )

    def _ask(self, action: RuledAction, due: _Due, totals: tuple[StoredTotal, StoredTotal]) -> None:
        """Ask the policy again: caps may have been reached since the ruling."""
        case, day = totals
        facts = ActionFacts(
            action=action.action,
            subject_id=action.subject_id,
            customer_id=self._ruling.customer_id,
            order_owner=self._order.customer_id,
            amount_minor=action.amount_minor,
            currency=due.payment.currency,
            unanswered=(),
            case_minor=case.minor + action.amount_minor,
            day_minor=day.minor + action.amount_minor,
            payment_owner=due.payment.customer_id,
            payment_status=due.payment.status,
            refundable_minor=refundable_minor(due.payment, due.facts.refunds),
            # What the investigation lacked was ruled on: a denied action does not come here.
            cited=True,
            supported=True,
            reconciled=True,
            conclusive=not is_doubtful(due.facts, due.payment, action.reason_code),
        )
        # Any approval was checked with the mandate; it covers the whole settlement.
        approved = any(a.decision == "needs_approval" for a in self._ruling.actions)
        answer = self._gate.decide(facts, approved=approved)
        if answer.decision != "allow":
            raise RefundRefusedError(f"{action.subject_id}: {'; '.join(answer.reasons)}")
