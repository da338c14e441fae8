"""ClaimCase: one owner per case."""

from datetime import datetime, timedelta

import msgspec

from redress.errors import CaseAlreadySettledError, CaseOwnedElsewhereError, InvalidCaseError
from redress.identity.grants import GRANT_LIFE, bus_grant_id, find_grant, put_grant
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES
from redress.models.case import CaseClaim, CaseRecord, ClaimRequest, SupportCase
from redress.models.identity import Grant
from redress.ports import Clock, EventPublisher, Repository, Write
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
        InvalidCaseError: the id is another case's, which is left alone, or the grant is another
            case's, unknown or expired.
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
            grant_id=request.case.grant_id,
            opened_at=request.case.as_of,
            updated_at=now,
            ruling_hash=None,
        )
    cases.commit([put_case(record, version), _bind(request.case, cases, now)])
    return record


def _bind(case: SupportCase, cases: Repository, now: datetime) -> Write:
    """Build the write that binds the case's grant to its order: it is good for nothing else.

    Who may put a case on the bus without a grant vouches for its customer.
    """
    stored = find_grant(cases, case.grant_id)
    by_bus = case.grant_id == bus_grant_id(case.case_id)
    if by_bus:
        grant = Grant(
            grant_id=case.grant_id,
            case_id=case.case_id,
            customer_id=case.customer_id,
            scopes=DEFAULT_CUSTOMER_SCOPES,
            source="bus",
            expires_at=now + GRANT_LIFE,
        )
    elif stored is None or stored.grant.expires_at <= now:
        raise InvalidCaseError(f"the grant {case.grant_id} is unknown or has expired")
    else:
        grant = stored.grant
    bound = stored.grant.order_id if stored else None
    mine = (grant.case_id, grant.customer_id) == (case.case_id, case.customer_id)
    if not mine or grant.source == "delegation" or bound not in (None, case.order_id):
        raise InvalidCaseError(f"the grant {case.grant_id} is of another case")
    grant = msgspec.structs.replace(grant, order_id=case.order_id, skus=case.skus, as_of=case.as_of)
    return put_grant(grant, stored.version if stored else 0)


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
        grant_id=case.grant_id,
        status="open",
        owner=request.execution_id,
        owned_until=now + LEASE,
        attempt=1,
        opened_at=case.as_of,
        updated_at=now,
    )
