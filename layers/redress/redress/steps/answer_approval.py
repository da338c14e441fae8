"""AnswerApproval: a human's answer, bound to what was asked, goes to the waiting execution."""

from typing import NamedTuple

import msgspec

from redress.errors import ApprovalDeniedError, ApprovalMismatchError, UnknownCaseError
from redress.models.base import dump
from redress.models.settlement import Approval, ApprovalAnswer, ApprovalRequest
from redress.ports import Clock, Repository, TaskCallback
from redress.steps.case_records import find_approval, load_case, put_approval, put_case
from redress.steps.effects import deciding_again


class _Stored(NamedTuple):
    """The answer that counts, where it goes, and whether it was there before."""

    answer: Approval
    task_token: str
    repeated: bool


def answer_approval(
    answer: ApprovalAnswer, cases: Repository, callback: TaskCallback, clock: Clock
) -> Approval:
    """Store an answer, then let the execution go on; the same answer again changes nothing.

    The caller has authenticated `approver`.

    Raises:
        UnknownCaseError: there is no such case, or nothing was asked about it.
        ApprovalMismatchError: another settlement is in question, or it was answered otherwise.
        ApprovalDeniedError: the question has expired.
        DependencyUnavailableError: the answer is stored but was not passed on: answer again.
    """
    stored = deciding_again(lambda: _store(answer, cases, clock))
    given = stored.answer
    if given.decision == "approve":
        delivered = callback.send_success(stored.task_token, dump(given))
    else:
        # The customer may read it, so it says why and not who; the store knows who.
        cause = given.comment or "A member of staff said no."
        delivered = callback.send_failure(stored.task_token, ApprovalDeniedError.__name__, cause)
    if not delivered and not stored.repeated:
        raise ApprovalDeniedError(f"nobody waits for an answer on case {answer.case_id} any more")
    return given


def _store(answer: ApprovalAnswer, cases: Repository, clock: Clock) -> _Stored:
    now = clock.now()
    case, case_version = load_case(cases, answer.case_id)
    found = find_approval(cases, answer.case_id)
    if found is None:
        raise UnknownCaseError(f"nothing was asked about case {answer.case_id}")
    request, version = found
    _check(answer, request)
    if request.answer is not None:
        return _Stored(request.answer, request.task_token, repeated=True)
    if now >= request.expires_at:
        raise ApprovalDeniedError(f"the question on case {answer.case_id} has expired")
    given = Approval(
        case_id=answer.case_id,
        proposal_hash=request.proposal_hash,
        approver=answer.approver,
        decision=answer.decision,
        decided_at=now,
        comment=answer.comment,
    )
    answered = msgspec.structs.replace(request, answer=given)
    going_on = msgspec.structs.replace(case, status="open", updated_at=now)
    writes = [put_approval(answered, version)]
    if case.status == "awaiting_approval":
        writes.append(put_case(going_on, case_version))
    cases.commit(writes)
    return _Stored(given, request.task_token, repeated=False)


def _check(answer: ApprovalAnswer, request: ApprovalRequest) -> None:
    if answer.proposal_hash not in (None, request.proposal_hash):
        raise ApprovalMismatchError(f"another settlement of case {answer.case_id} is in question")
    if answer.approver == request.ruling.customer_id:
        raise ApprovalMismatchError("nobody approves a case of their own")
    given = request.answer
    if given and (given.decision, given.approver) != (answer.decision, answer.approver):
        raise ApprovalMismatchError(
            f"{given.approver} answered {given.decision} for case {answer.case_id} already"
        )
