"""RecordFailure: parks a case for an operator and says so, loudly."""

import hashlib

import msgspec

from redress.models.base import Model, dump, dump_json, parse_json
from redress.models.events import CaseFailed
from redress.models.settlement import FailureReport
from redress.ports import Clock, EventPublisher, Repository, Write
from redress.steps.case_records import CLOSED, find_case, put_case
from redress.steps.effects import deciding_again
from redress.steps.failures import read_failure
from redress.steps.incoming import read_incoming

FAILURE = "failure"


class FailureRecord(Model, frozen=True):
    """A failed execution, and whether its CaseFailed is known to be on the bus."""

    event: CaseFailed
    published: bool


def record_failure(
    report: FailureReport, cases: Repository, clock: Clock, publisher: EventPublisher
) -> CaseFailed:
    """Park the case that an execution owns and publish CaseFailed, once per failure.

    A settled case, and one that another execution owns, stay as they are. An execution that was
    redriven and failed once more is a further failure.

    Raises:
        DependencyUnavailableError: the store or the bus did not answer.
        ConflictError: other writes kept coming first.
    """
    partition = f"{FAILURE}#{hashlib.sha256(report.execution_id.encode()).hexdigest()}"
    record = deciding_again(lambda: _store(report, partition, cases, clock))
    if not record.published:
        publisher.publish("CaseFailed", dump(record.event))
        deciding_again(lambda: _mark_published(partition, cases))
    return record.event


def _store(report: FailureReport, partition: str, cases: Repository, clock: Clock) -> FailureRecord:
    found = cases.get(partition, FAILURE)
    now = clock.now()
    incoming = read_incoming(report.event)
    stored = find_case(cases, incoming.case_id) if incoming.case_id else None
    works_on = (
        stored is not None
        and stored.record.owner == report.execution_id
        and stored.record.status not in (*CLOSED, "failed")
    )
    if found is not None and not works_on:
        return parse_json(FailureRecord, found.document)
    failure = read_failure(report.failure)
    event = CaseFailed(
        schema_version="1",
        case_id=incoming.case_id,
        order_id=incoming.order_id,
        customer_id=incoming.customer_id,
        status="failed",
        execution_id=report.execution_id,
        error=failure.error,
        reason=failure.reason,
        failed_at=now,
    )
    record = FailureRecord(event=event, published=False)
    writes = [_put(partition, record, found.version if found else 0)]
    if stored is not None and works_on:
        parked = msgspec.structs.replace(
            stored.record, status="failed", failure=dump(event), updated_at=now
        )
        writes.append(put_case(parked, stored.version))
    cases.commit(writes)
    return record


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
