"""Cases and approvals in the cases repository: one partition a case."""

from typing import NamedTuple

from redress.errors import CaseAlreadySettledError, CaseOwnedElsewhereError, UnknownCaseError
from redress.models.base import dump_json, parse_json
from redress.models.case import CaseRecord, SupportCase
from redress.models.settlement import ApprovalRequest, Ruling
from redress.ports import Repository, Write

CASE = "case"
APPROVAL = "approval"

CLOSED = ("resolved", "rejected")


class StoredCase(NamedTuple):
    """A case and its version."""

    record: CaseRecord
    version: int


class StoredApproval(NamedTuple):
    """A question to a human and its version."""

    request: ApprovalRequest
    version: int


def partition_key(case_id: str) -> str:
    """Return the partition of a case's records."""
    return f"case#{case_id}"


def status_index(status: str) -> str:
    """Return the index key under which the cases of one status are filed."""
    return f"status#{status}"


def find_case(cases: Repository, case_id: str) -> StoredCase | None:
    """Read a case, if there is one."""
    found = cases.get(partition_key(case_id), CASE)
    if found is None:
        return None
    return StoredCase(parse_json(CaseRecord, found.document), found.version)


def load_case(cases: Repository, case_id: str) -> StoredCase:
    """Read a case.

    Raises:
        UnknownCaseError: there is none.
    """
    found = find_case(cases, case_id)
    if found is None:
        raise UnknownCaseError(f"no case has the id {case_id}")
    return found


def load_owned(cases: Repository, about: SupportCase | Ruling, attempt: int) -> StoredCase:
    """Read a case that this attempt still works on.

    Raises:
        UnknownCaseError: there is no such case.
        CaseAlreadySettledError: the case has ended.
        CaseOwnedElsewhereError: a later attempt has taken the case over, or it is another's.
    """
    stored = load_case(cases, about.case_id)
    case = stored.record
    if case.status in CLOSED:
        raise CaseAlreadySettledError(f"case {case.case_id} is {case.status}")
    if case.attempt != attempt:
        raise CaseOwnedElsewhereError(
            f"attempt {attempt} on case {case.case_id} is over, {case.attempt} is on"
        )
    if (case.order_id, case.customer_id) != (about.order_id, about.customer_id):
        raise CaseOwnedElsewhereError(f"case {case.case_id} is about another order")
    return stored


def put_case(record: CaseRecord, expected_version: int) -> Write:
    """Build the write of a case; version 0 creates it."""
    return Write(
        partition=partition_key(record.case_id),
        sort=CASE,
        document=dump_json(record),
        expected_version=expected_version,
        index=status_index(record.status),
    )


def find_approval(cases: Repository, case_id: str) -> StoredApproval | None:
    """Read the last question that was asked about a case, if any was."""
    found = cases.get(partition_key(case_id), APPROVAL)
    if found is None:
        return None
    return StoredApproval(parse_json(ApprovalRequest, found.document), found.version)


def put_approval(request: ApprovalRequest, expected_version: int) -> Write:
    """Build the write of a question; version 0 creates it."""
    return Write(
        partition=partition_key(request.case_id),
        sort=APPROVAL,
        document=dump_json(request),
        expected_version=expected_version,
    )
