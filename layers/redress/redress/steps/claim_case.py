"""ClaimCase: one owner per case."""

from datetime import datetime, timedelta

import msgspec

from redress.errors import CaseAlreadySettledError, CaseOwnedElsewhereError, InvalidCaseError
from redress.models.case import CaseClaim, CaseRecord, ClaimRequest
from redress.ports import Clock, EventPublisher, Repository
from redress.steps.case_records import CLOSED, StoredCase, find_case, put_case
from redress.steps.effects import deciding_again
from redress.steps.progress import publish_progress

LEASE = timedelta(hours=1)
"""How long an execution owns a case unseen: longer than all its steps but the approval take."""


def claim_case(
    request: ClaimRequest, cases: Repository, clock: Clock, publisher: EventPublisher
) -> CaseClaim:
    """Make an execution the owner of a case; claiming again changes nothing.

    A case that failed, or whose owner's lease ran out, is taken over with the next attempt.

    Raises:
        CaseAlreadySettledError: the case has ended.
        CaseOwnedElsewhereError: another execution works on it.
        InvalidCaseError: the id is another case's, which is left alone.
        ConflictError: other claims kept coming first.
    """
    record = deciding_again(lambda: _claim(request, cases, clock.now()))
    facts = {"pattern": record.pattern}
    now = record.updated_at
    publish_progress(publisher, request.case, "claimed", record.attempt, now, facts)
    return CaseClaim(case_id=record.case_id, execution_id=record.owner, attempt=record.attempt)


def _claim(request: ClaimRequest, cases: Repository, now: datetime) -> CaseRecord:
    stored = find_case(cases, request.case.case_id)
    if stored is None:
        record, version = _new_record(request, now), 0
    else:
        _check_free(request, stored, now)
        if stored.record.owner == request.execution_id and stored.record.status != "failed":
            return stored.record
        version = stored.version
        record = msgspec.structs.replace(
            stored.record,
            status="open",
            owner=request.execution_id,
            owned_until=now + LEASE,
            attempt=stored.record.attempt + 1,
            pattern=request.case.pattern,
            opened_at=request.case.as_of,
            updated_at=now,
            ruling_hash=None,
        )
    cases.commit([put_case(record, version)])
    return record


def _check_free(request: ClaimRequest, stored: StoredCase, now: datetime) -> None:
    """Refuse a claim on a case that is settled, somebody else's, or another one altogether."""
    record, case = stored.record, request.case
    if (record.customer_id, record.order_id) != (case.customer_id, case.order_id):
        raise InvalidCaseError(f"the case id {record.case_id} is taken: use another one")
    if record.status in CLOSED:
        raise CaseAlreadySettledError(f"case {record.case_id} is {record.status}")
    owned = record.status != "failed" and now < record.owned_until
    if owned and record.owner != request.execution_id:
        raise CaseOwnedElsewhereError(f"case {record.case_id} is worked on by another execution")


def _new_record(request: ClaimRequest, now: datetime) -> CaseRecord:
    case = request.case
    return CaseRecord(
        case_id=case.case_id,
        customer_id=case.customer_id,
        order_id=case.order_id,
        pattern=case.pattern,
        status="open",
        owner=request.execution_id,
        owned_until=now + LEASE,
        attempt=1,
        opened_at=case.as_of,
        updated_at=now,
    )
