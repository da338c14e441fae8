"""CloseCase: records how a case ended, before anybody is told."""

from typing import Any, Literal

import msgspec

from redress.errors import CaseAlreadySettledError, CaseOwnedElsewhereError
from redress.models.base import dump, dump_json, parse, parse_json
from redress.models.case import SupportCase
from redress.models.settlement import Closing, ClosingRequest, Outcome, RuledAction
from redress.ports import Clock, Repository, Write
from redress.steps.case_records import CLOSED, find_case, load_case, put_case
from redress.steps.effects import deciding_again
from redress.steps.failures import read_failure
from redress.steps.incoming import event_digest, read_incoming

REJECTED_EVENT = "rejected-event"

_DENIED = "We cannot do what was asked: the records of the order, or our policy, do not allow it."
_DECLINED = (
    "We cannot do what was asked: a person looked at it and declined, or nobody agreed in time."
)
_PARTLY = "We did what the records of the order and our policy allow; see the actions and reasons."


def close_case(request: ClosingRequest, cases: Repository, clock: Clock) -> Closing:
    """Record the outcome and return the event to publish; asked again, the one recorded.

    Raises:
        CaseAlreadySettledError: another execution closed the case.
        CaseOwnedElsewhereError: another execution has taken the case over.
        UnknownCaseError: the case was never claimed.
        ConflictError: other writes kept coming first.
    """
    case = request.case
    if case is None:
        return deciding_again(lambda: _close_event(request, cases))
    return deciding_again(lambda: _close_case(request, case, cases, clock))


def _close_case(
    request: ClosingRequest, case: SupportCase, cases: Repository, clock: Clock
) -> Closing:
    record, version = load_case(cases, case.case_id)
    is_owner = record.owner == request.execution_id
    if record.outcome is not None and record.status in CLOSED:
        if is_owner:
            return closing(parse(Outcome, record.outcome))
        raise CaseAlreadySettledError(f"case {case.case_id} is {record.status}")
    if not is_owner:
        raise CaseOwnedElsewhereError(f"case {case.case_id} was taken over by another execution")
    outcome = _outcome(request, case)
    closed = msgspec.structs.replace(
        record,
        status=outcome.status,
        outcome=dump(outcome),
        failure=None,
        updated_at=clock.now(),
    )
    cases.commit([put_case(closed, version)])
    return closing(outcome)


def _close_event(request: ClosingRequest, cases: Repository) -> Closing:
    """Reject an event under a key of its own, so that it touches no case whatever id it names."""
    digest = event_digest(request.event, request.execution_id)
    partition = f"{REJECTED_EVENT}#{digest}"
    found = cases.get(partition, REJECTED_EVENT)
    if found is not None:
        return closing(parse_json(Outcome, found.document))
    incoming = read_incoming(request.event)
    case_id = incoming.case_id
    if case_id is None or find_case(cases, case_id) is not None:
        # The name of a case that exists would make its customer believe that it was rejected.
        case_id = f"rejected-{digest[:16]}"
    failure = read_failure(request.rejection)
    outcome = Outcome(
        schema_version="1",
        case_id=case_id,
        order_id=incoming.order_id,
        customer_id=incoming.customer_id,
        status="rejected",
        pattern=None,
        actions=(),
        findings=(),
        explanation="The case could not be opened.",
        reasons=(f"{failure.error}: {failure.reason}",),
    )
    write = Write(
        partition=partition,
        sort=REJECTED_EVENT,
        document=dump_json(outcome),
        expected_version=0,
        index=REJECTED_EVENT,
    )
    cases.commit([write])
    return closing(outcome)


def _outcome(request: ClosingRequest, case: SupportCase) -> Outcome:
    ruling, proposal = request.ruling, request.proposal
    done = {(e.effect_key, e.action) for each in request.effects for e in each if e.state == "done"}
    ruled = ruling.actions if ruling else ()
    actions = tuple(_ended(action, done, denied=request.denial is not None) for action in ruled)
    is_resolved = request.denial is None and (
        ruling is not None and ruling.next_step in ("settle", "approve", "explain")
    )
    reasons = list(ruling.reasons) if ruling else []
    for action in ruled:
        if action.decision == "deny":
            reasons += [f"{action.subject_id}: {reason}" for reason in action.reasons]
    if request.denial is not None:
        failure = read_failure(request.denial)
        reasons.append(f"{failure.error}: {failure.reason}".rstrip(": "))
    return Outcome(
        schema_version="1",
        case_id=case.case_id,
        order_id=case.order_id,
        customer_id=case.customer_id,
        status="resolved" if is_resolved else "rejected",
        pattern=case.pattern,
        actions=actions,
        findings=proposal.findings if proposal else (),
        explanation=_explanation(request, is_resolved=is_resolved),
        reasons=tuple(reasons),
    )


def _explanation(request: ClosingRequest, *, is_resolved: bool) -> str:
    """Return the agent's words only if all that it proposed came to pass: they may promise more."""
    if not is_resolved:
        return _DECLINED if request.denial else _DENIED
    ruled = request.ruling.actions if request.ruling else ()
    if request.proposal is None or any(action.decision == "deny" for action in ruled):
        return _PARTLY
    return request.proposal.explanation


def _ended(action: RuledAction, done: set[tuple[str, str]], *, denied: bool) -> dict[str, Any]:
    if (action.effect_key, action.action) in done:
        state = "done"
    elif action.decision == "deny" or denied:
        state = "denied"
    else:
        state = "not_done"
    names = ("action", "subject_id", "reason_code", "amount_minor", "currency", "payee")
    goods = ("payment_id", "line_id", "sku", "quantity")
    ended = {name: getattr(action, name) for name in (*names, *goods)}
    return ended | {"state": state}


def closing(outcome: Outcome) -> Closing:
    """Return the event that tells an outcome."""
    detail_type: Literal["CaseResolved", "CaseRejected"] = (
        "CaseResolved" if outcome.status == "resolved" else "CaseRejected"
    )
    return Closing(detail_type=detail_type, detail=outcome)
