"""RecordFailure: parks a case for an operator and says so, loudly."""

import hashlib
from typing import Any, NamedTuple

import msgspec

from redress.models.base import Model, dump, dump_json, parse, parse_json
from redress.models.events import CaseFailed
from redress.models.settlement import FailureReport, Outcome
from redress.ports import Clock, EventPublisher, Repository, Write
from redress.steps.case_records import CLOSED, StoredCase, find_case, put_case
from redress.steps.close_case import closing
from redress.steps.effects import deciding_again
from redress.steps.failures import read_failure
from redress.steps.incoming import Incoming, read_incoming

FAILURE = "failure"
CASE_FAILED = "CaseFailed"

_OUTSIDE = "The execution ended outside its own catches."


class FailureRecord(Model, frozen=True):
    """What is told of a failed execution, and whether that is known to be on the bus."""

    detail_type: str
    detail: dict[str, Any]
    published: bool


class _StatusDetail(msgspec.Struct, rename="camel"):
    execution_arn: str
    status: str
    input: str | None = None
    error: str | None = None
    cause: str | None = None


class _StatusChange(msgspec.Struct):
    """The event "Step Functions Execution Status Change"; `input` is missing if it was large."""

    detail: _StatusDetail


class _Found(NamedTuple):
    """The case of a failed execution: null, another execution's, or its own."""

    incoming: Incoming
    case: StoredCase | None
    is_owner: bool


def record_failure(
    event: Any, cases: Repository, clock: Clock, publisher: EventPublisher
) -> dict[str, Any]:
    """Park the case that an execution owns and publish CaseFailed, once per failure.

    A case that the execution had settled before it failed stays settled, and its outcome is
    published: nobody may have heard of it. The case of another execution stays as it is. An
    execution that was redriven and failed once more is a further failure.

    Args:
        event: A `FailureReport` of the state machine, or Step Functions' own event about an
            execution that ended outside its catches.
        cases: Where cases are kept.
        clock: The time.
        publisher: The bus.

    Returns:
        The detail of the event.

    Raises:
        InvalidInputError: the event is neither.
        DependencyUnavailableError: the store or the bus did not answer.
        ConflictError: other writes kept coming first.
    """
    report = _read(event)
    partition = f"{FAILURE}#{hashlib.sha256(report.execution_id.encode()).hexdigest()}"
    record = deciding_again(lambda: _store(report, partition, cases, clock))
    if not record.published:
        publisher.publish(record.detail_type, record.detail)
        deciding_again(lambda: _mark_published(partition, cases))
    return record.detail


def _read(event: Any) -> FailureReport:
    if not isinstance(event, dict) or event.get("source") != "aws.states":
        return parse(FailureReport, event)
    change = parse(_StatusChange, event).detail
    failure = {"Error": change.error or change.status, "Cause": change.cause or _OUTSIDE}
    return FailureReport(change.execution_arn, change.input, failure)


def _store(report: FailureReport, partition: str, cases: Repository, clock: Clock) -> FailureRecord:
    stored = cases.get(partition, FAILURE)
    before = parse_json(FailureRecord, stored.document) if stored else None
    found = _find(report, cases)
    case = found.case
    if found.is_owner and case and case.record.status in CLOSED:
        told = closing(parse(Outcome, case.record.outcome))
        record = FailureRecord(told.detail_type, dump(told.detail), published=False)
        works_on = before is not None and before.detail_type == CASE_FAILED
    else:
        record = FailureRecord(CASE_FAILED, dump(_event(report, found, clock)), published=False)
        works_on = found.is_owner and case is not None and case.record.status != "failed"
    if before is not None and not works_on:
        return before
    writes = [_put(partition, record, stored.version if stored else 0)]
    if record.detail_type == CASE_FAILED and works_on and case:
        parked = msgspec.structs.replace(
            case.record, status="failed", failure=record.detail, updated_at=clock.now()
        )
        writes.append(put_case(parked, case.version))
    cases.commit(writes)
    return record


def _find(report: FailureReport, cases: Repository) -> _Found:
    incoming = read_incoming(report.event)
    case = find_case(cases, incoming.case_id) if incoming.case_id else None
    is_owner = case is not None and case.record.owner == report.execution_id
    return _Found(incoming, case, is_owner)


def _event(report: FailureReport, found: _Found, clock: Clock) -> CaseFailed:
    failure = read_failure(report.failure)
    return CaseFailed(
        schema_version="1",
        case_id=found.incoming.case_id,
        order_id=found.incoming.order_id,
        customer_id=found.incoming.customer_id,
        status="failed",
        execution_id=report.execution_id,
        error=failure.error,
        reason=failure.reason,
        failed_at=clock.now(),
    )


def _mark_published(partition: str, cases: Repository) -> None:
    found = cases.get(partition, FAILURE)
    if found is None:
        return
    record = parse_json(FailureRecord, found.document)
    if not record.published:
        done = msgspec.structs.replace(record, published=True)
        cases.commit([_put(partition, done, found.version)])


def _put(partition: str, record: FailureRecord, expected_version: int) -> Write:
    return Write(
        partition=partition,
        sort=FAILURE,
        document=dump_json(record),
        expected_version=expected_version,
        index=FAILURE,
    )
