"""AwaitApproval: keeps a question to a human and asks it."""

from datetime import datetime, timedelta

import msgspec

from redress.errors import CaseAlreadySettledError
from redress.models.base import dump
from redress.models.events import ApprovalRequested
from redress.models.settlement import ApprovalQuestion, ApprovalRequest
from redress.ports import Clock, EventPublisher, Repository
from redress.steps.case_records import CLOSED, find_approval, load_case, put_approval, put_case
from redress.steps.claim_case import LEASE
from redress.steps.effects import deciding_again
from redress.steps.settlement import check_ruled


def await_approval(
    question: ApprovalQuestion, cases: Repository, clock: Clock, publisher: EventPublisher
) -> ApprovalRequested:
    """Store the question with its task token, then publish it without.

    A later question on the case, be it the escalation or another attempt's, replaces this one.

    Raises:
        CaseAlreadySettledError: the case has ended.
        UnknownCaseError: there is no such case.
        ApprovalMismatchError: something else was ruled in this attempt.
        DependencyUnavailableError: nobody could be asked.
    """
    ruling = question.ruling
    request = deciding_again(lambda: _store(question, cases, clock))
    asked = ApprovalRequested(
        schema_version="1",
        case_id=ruling.case_id,
        order_id=ruling.order_id,
        customer_id=ruling.customer_id,
        proposal_hash=ruling.proposal_hash,
        escalation=request.escalation,
        requested_at=request.requested_at,
        expires_at=request.expires_at,
        actions=ruling.actions,
    )
    publisher.publish("ApprovalRequested", dump(asked))
    return asked


def _store(question: ApprovalQuestion, cases: Repository, clock: Clock) -> ApprovalRequest:
    now = clock.now()
    case, version = load_case(cases, question.ruling.case_id)
    if case.status in CLOSED:
        raise CaseAlreadySettledError(f"case {case.case_id} is {case.status}")
    check_ruled(question.ruling, case)
    before = find_approval(cases, case.case_id)
    if before and before.request.task_token == question.task_token:
        return before.request
    request = ApprovalRequest(
        case_id=case.case_id,
        proposal_hash=question.ruling.proposal_hash,
        escalation=_escalation(question, before.request if before else None, now),
        requested_at=now,
        expires_at=now + timedelta(seconds=question.timeout_seconds),
        task_token=question.task_token,
        ruling=question.ruling,
    )
    waiting = msgspec.structs.replace(
        case,
        status="awaiting_approval",
        owned_until=max(case.owned_until, request.expires_at + LEASE),
        updated_at=now,
    )
    cases.commit(
        [put_case(waiting, version), put_approval(request, before.version if before else 0)]
    )
    return request


def _escalation(question: ApprovalQuestion, before: ApprovalRequest | None, now: datetime) -> int:
    """Return 0 for the first approver, 1 for the next.

    The state is tried again when nobody answered in time, and then the next one is asked; or, long
    before, when the question could not be put.
    """
    if not question.retries or before is None:
        return 0
    if before.proposal_hash != question.ruling.proposal_hash:
        return 0
    was_open = now - before.requested_at >= timedelta(seconds=question.timeout_seconds) / 2
    return before.escalation + 1 if was_open else before.escalation
