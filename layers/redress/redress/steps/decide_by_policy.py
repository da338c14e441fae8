"""DecideByPolicy: recomputes every amount from the ledger, then asks Cedar, action by action."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from redress.domains.inventory.gateway import load_stock
from redress.domains.orders.gateway import load_order
from redress.domains.orders.models import Order
from redress.domains.payments.gateway import load_payments
from redress.errors import AccessDeniedError, EvidenceMissingError, InvalidProposalError
from redress.identity.grants import Grants
from redress.identity.scopes import audience
from redress.models.case import SupportCase
from redress.models.identity import Scope
from redress.models.investigation import (
    DOMAINS,
    PRECEDENT,
    UNAVAILABLE,
    DomainName,
    ProposedAction,
    unanswered,
)
from redress.models.settlement import (
    Decision,
    DecisionRequest,
    NextStep,
    RuledAction,
    Ruling,
)
from redress.policy.gate import ActionFacts, PolicyGate
from redress.ports import Clock, EventPublisher, Repository
from redress.steps.begun import begun_actions
from redress.steps.canonical import effect_key, proposal_hash
from redress.steps.case_records import StoredCase, load_owned, put_case
from redress.steps.ledger import LINE_REASONS, PAYMENT_REASONS, Finding, Ledger
from redress.steps.progress import publish_progress
from redress.steps.totals import case_total, day_of, day_total

MAX_ACTIONS = 32
"""Actions of one proposal; a ruling must fit in the state machine's 256 KiB."""

NOT_ASKED_FOR = "not-asked-for: The customer has not asked for money back or goods."
EXECUTED: tuple[tuple[DomainName, Scope], ...] = (
    ("payments", "refunds:execute"),
    ("orders", "shipments:execute"),
)
"""What the settlement needs of the customer, which one scope of theirs gives."""

_ORDER = (*PAYMENT_REASONS, *LINE_REASONS)
_SHOWN = ("action", "subject_id", "decision", "amount_minor", "currency")


class Judged(NamedTuple):
    """A proposed action and what the ledger says about it."""

    action: ProposedAction
    finding: Finding


def decide_by_policy(
    request: DecisionRequest,
    orders: Repository,
    payments: Repository,
    inventory: Repository,
    cases: Repository,
    gate: PolicyGate,
    clock: Clock,
    publisher: EventPublisher,
) -> Ruling:
    """Rule on a proposal. Nothing of it is trusted but the wish: action, subject and reason.

    What earlier attempts on the case did, or began, is part of the ruling and comes first. The
    ruling's hash is kept with the case, so that no other settlement can be slipped in later.

    Raises:
        InvalidProposalError: the proposal is another case's, or holds too many actions.
        UnknownOrderError: the order is gone.
        UnknownCaseError, CaseOwnedElsewhereError, CaseAlreadySettledError: this attempt is over.
        ConflictError: the case changed meanwhile; nothing was ruled.
        EvidenceMissingError: a domain gave no answer, and without it there is nothing to do.
    """
    case, proposal = request.case, request.investigation.proposal
    _check(request)
    owned = load_owned(cases, case, request.attempt)
    begun = begun_actions(case.case_id, request.attempt, orders, payments, inventory)
    order = load_order(orders, case.order_id)
    lines = {action.subject_id for action in proposal.actions}
    skus = [line.sku for line in order.order.lines if line.line_id in lines]
    stock = load_stock(inventory, skus)
    ledger = Ledger(order, load_payments(payments, case.order_id), stock, case.as_of)
    judged = _judge(proposal.actions, begun, ledger)
    asked = not judged or _asked_for(case, owned.record.grant_id, Grants(cases, clock))
    ruler = _Ruler(request, order.order, judged, gate, payments, day_of(clock.now()), asked)
    ruled = (*begun, *(ruler.rule(each) for each in judged))
    next_step = _next_step(ruled, ruler.is_cited)
    _require_answers(request, next_step)
    ruling = Ruling(
        case_id=case.case_id,
        order_id=case.order_id,
        customer_id=case.customer_id,
        next_step=next_step,
        actions=ruled,
        proposal_hash=proposal_hash(case.case_id, case.order_id, case.customer_id, ruled),
        reasons=_doubts(request, ruler.is_cited),
    )
    _keep(ruling, owned, cases, clock.now())
    facts = {"next_step": ruling.next_step, "actions": [_shown(each) for each in ruled]}
    publish_progress(publisher, case, "ruled", request.attempt, clock.now(), facts)
    return ruling


def _require_answers(request: DecisionRequest, next_step: NextStep) -> None:
    """Refuse to close a case, with nothing done, about which a domain was merely not reached."""
    missing = request.investigation.missing
    silent = [domain for domain in DOMAINS if f"{domain}/{UNAVAILABLE}" in missing]
    if silent and next_step in ("explain", "deny"):
        raise EvidenceMissingError(f"{', '.join(silent)} gave no answer: replay the case later")


def _asked_for(case: SupportCase, grant_id: str | None, grants: Grants) -> bool:
    """Tell whether the customer asked for money back or goods: nobody is sent what they did not."""
    try:
        for domain, scope in EXECUTED:
            target = audience(domain, "records")
            grants.authorise(case, grant_id, workload="settlement", audience=target, scope=scope)
    except AccessDeniedError:
        return False
    return True


def _keep(ruling: Ruling, owned: StoredCase, cases: Repository, now: datetime) -> None:
    """Keep what was ruled, by the version read first: a call given up long ago changes nothing."""
    record, version = owned
    if record.ruling_hash != ruling.proposal_hash:
        ruled = msgspec.structs.replace(record, ruling_hash=ruling.proposal_hash, updated_at=now)
        cases.commit([put_case(ruled, version)])


def _check(request: DecisionRequest) -> None:
    if request.investigation.case_id != request.case.case_id:
        raise InvalidProposalError("the investigation is about another case")
    count = len(request.investigation.proposal.actions)
    if count > MAX_ACTIONS:
        raise InvalidProposalError(f"{count} actions are proposed, at most {MAX_ACTIONS} can be")


def _judge(
    actions: Iterable[ProposedAction], begun: Iterable[RuledAction], ledger: Ledger
) -> list[Judged]:
    """Ask the ledger about each action, as if the good ones before it were done.

    The rules apply in one order whatever the agent's, so that together they never come to more
    than is owed.
    """
    taken: dict[tuple[str, str], str] = {(a.subject_id, a.reason_code): a.action for a in begun}
    resumed = set(taken.items())
    judged: list[Judged] = []
    for action in sorted(actions, key=lambda a: (_ORDER.index(a.reason_code), a.subject_id)):
        subject = (action.subject_id, action.reason_code)
        before = taken.get(subject)
        if (subject, action.action) in resumed:
            resumed.remove((subject, action.action))
            continue
        if before is not None:
            finding = Finding(problem=_twice(action, before))
        else:
            finding = ledger.judge(action)
        if finding.problem is None:
            ledger.plan(action, finding)
            taken[subject] = action.action
        judged.append(Judged(action, finding))
    return judged


def _twice(action: ProposedAction, before: str) -> str:
    if action.action == before:
        return (
            f"proposed-twice: {action.subject_id} is in this proposal for the same reason before."
        )
    return f"refund-or-reship: The pieces of {action.subject_id} are refunded or sent, never both."


class _Ruler:
    """Rules on one action after the other; refunds add up towards the caps."""

    def __init__(
        self,
        request: DecisionRequest,
        order: Order,
        judged: list[Judged],
        gate: PolicyGate,
        payments: Repository,
        day: str,
        asked: bool,
    ) -> None:
        self._case = request.case
        self._owner = order.customer_id
        self._currency = order.currency
        self._gate = gate
        self._payments = payments
        self._day = day
        self._asked = asked
        self._planned: dict[str, int] = {}
        investigation = request.investigation
        known = {e.evidence_id for e in investigation.evidence}
        known |= {p.passage_id for p in request.passages}
        citations = investigation.proposal.citations
        # An earlier case is an example: nothing rests on it alone.
        grounds = [each for each in citations if not each.startswith(PRECEDENT)]
        self.is_cited = bool(grounds) and known.issuperset(citations)
        self._conclusive = investigation.conclusive and not investigation.missing
        self._unanswered = unanswered(investigation.missing)
        self._agreed = _agreed(request, judged)

    def rule(self, judged: Judged) -> RuledAction:
        """Ask Cedar about an action, unless there is nothing to ask about."""
        action, finding = judged
        is_reship = action.action == "reship_line"
        payment, line = finding.payment, finding.line
        currency = payment.currency if payment else self._currency
        problems = (finding.problem,) if finding.problem else ()
        if not self._asked:
            problems = (*problems, NOT_ASKED_FOR)
        decision: Decision = "deny"
        reasons: tuple[str, ...] = problems
        if line is not None if is_reship else payment is not None:
            answer = self._gate.decide(self._facts(action, finding, currency))
            # The ledger has the last word, whatever the policies come to say.
            decision = "deny" if problems else answer.decision
            reasons = (*problems, *answer.reasons)
        if decision != "deny" and not is_reship:
            self._planned[currency] = self._planned.get(currency, 0) + finding.amount_minor
        is_refund = payment is not None and not is_reship
        return RuledAction(
            action=action.action,
            subject_id=action.subject_id,
            reason_code=action.reason_code,
            decision=decision,
            reasons=reasons,
            effect_key=effect_key(
                self._case.case_id, action.action, action.subject_id, action.reason_code
            ),
            amount_minor=finding.amount_minor if is_refund else 0,
            currency=currency if is_refund else None,
            payee=payment.instrument_id if payment else None,
            payment_id=payment.payment_id if payment else None,
            line_id=line.line_id if line else None,
            sku=line.sku if line else None,
            quantity=finding.quantity,
        )

    def _facts(self, action: ProposedAction, finding: Finding, currency: str) -> ActionFacts:
        refund = finding.amount_minor if finding.payment else 0
        planned = self._planned.get(currency, 0) + refund
        payment = finding.payment
        case, day = self._totals(currency) if payment else (0, 0)
        return ActionFacts(
            action=action.action,
            subject_id=action.subject_id,
            customer_id=self._case.customer_id,
            order_owner=self._owner,
            amount_minor=finding.amount_minor,
            currency=currency,
            unanswered=self._unanswered,
            case_minor=case + planned,
            day_minor=day + planned,
            payment_owner=payment.customer_id if payment else "",
            payment_status=payment.status if payment else "",
            refundable_minor=finding.refundable_minor,
            quantity=finding.quantity,
            available=finding.available,
            cited=self.is_cited,
            supported=finding.problem is None,
            reconciled=action.subject_id in self._agreed,
            conclusive=self._conclusive and not finding.is_doubtful,
        )

    def _totals(self, currency: str) -> tuple[int, int]:
        case, customer = self._case.case_id, self._case.customer_id
        return (
            case_total(self._payments, case, currency).minor,
            day_total(self._payments, customer, self._day, currency).minor,
        )


def _agreed(request: DecisionRequest, judged: Iterable[Judged]) -> frozenset[str]:
    """Return the subjects for which the agent's program came to the ledger's amount."""
    answer = request.reconciliation
    computed = answer.value.get("refund_minor") if isinstance(answer.value, dict) else None
    if not answer.ok or not isinstance(computed, dict):
        return frozenset()
    owed: dict[str, int] = {}
    for action, finding in judged:
        if action.action != "reship_line" and finding.problem is None:
            owed[action.subject_id] = owed.get(action.subject_id, 0) + finding.amount_minor
    # JSON's true is an int to Python, but no amount.
    return frozenset(
        subject
        for subject, minor in owed.items()
        if type(computed.get(subject)) is int and computed[subject] == minor
    )


def _doubts(request: DecisionRequest, is_cited: bool) -> tuple[str, ...]:
    """Say what stands against acting unattended, in words that no agent chose."""
    doubts: list[str] = []
    if not is_cited and not request.investigation.proposal.actions:
        doubts.append("cited-evidence-only: The proposal cites nothing that was retrieved.")
    missing = request.investigation.missing
    if missing:
        doubts.append(f"evidence-missing: {', '.join(missing[:8])}"[:500])
    if not request.investigation.conclusive:
        doubts.append("not-conclusive: The investigation came to no firm conclusion.")
    if not request.reconciliation.ok and request.investigation.proposal.actions:
        kind = (request.reconciliation.error or {}).get("type", "unknown")
        doubts.append(f"program-failed: The recalculation ended with {kind}."[:500])
    return tuple(doubts)


def _next_step(ruled: tuple[RuledAction, ...], is_cited: bool) -> NextStep:
    decisions = {action.decision for action in ruled}
    if "needs_approval" in decisions:
        return "approve"
    if "allow" in decisions:
        return "settle"
    # What an agent says without naming what it relies on is not passed on either.
    return "explain" if is_cited and not ruled else "deny"


def _shown(action: RuledAction) -> dict[str, Any]:
    return {name: getattr(action, name) for name in _SHOWN}
