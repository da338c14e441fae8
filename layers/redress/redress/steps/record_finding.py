"""RecordFinding: what an agent of somebody else found out is added to its case, for operators."""

from typing import Any

import msgspec

from redress.errors import InvalidInputError
from redress.models.base import Model, dump_json, parse, parse_json
from redress.models.findings import MAX_FINDINGS, CaseFindings, FindingReported
from redress.ports import Repository, Write
from redress.steps.effects import deciding_again

FINDINGS = "findings"


class FindingRecorded(Model, frozen=True):
    """How many findings the case has now."""

    case_id: str
    findings: int


class _Event(msgspec.Struct):
    """FindingReported."""

    source: str
    detail: FindingReported


def partition_key(case_id: str) -> str:
    """Return the partition of a case's findings: not the case's, so that rights can differ."""
    return f"findings#{case_id}"


def record_finding(event: Any, cases: Repository) -> FindingRecorded:
    """Add a finding to a case; the same finding again changes nothing.

    An agent that hears of a case as early as Redress may be faster: the finding is kept whether or
    not the case is known yet.

    Raises:
        InvalidInputError: it is no such event, another agent's name is in it, or the case has as
            many findings as are kept.
        DependencyUnavailableError: the store did not answer.
        ConflictError: other writes kept coming first.
    """
    told = parse(_Event, event)
    finding = told.detail
    if finding.agent != told.source:
        raise InvalidInputError(f"{told.source} reports in the name of {finding.agent}")
    return deciding_again(lambda: _add(finding, cases))


def findings_of(cases: Repository, case_id: str) -> tuple[FindingReported, ...]:
    """Read the findings on a case, in order of arrival.

    Raises:
        DependencyUnavailableError: the store did not answer.
    """
    return _find(cases, case_id)[0]


def _add(finding: FindingReported, cases: Repository) -> FindingRecorded:
    case_id = finding.case_id
    found, version = _find(cases, case_id)
    if finding not in found:
        if len(found) >= MAX_FINDINGS:
            raise InvalidInputError(f"case {case_id} has {MAX_FINDINGS} findings already")
        found = (*found, finding)
        write = Write(
            partition=partition_key(case_id),
            sort=FINDINGS,
            document=dump_json(CaseFindings(found)),
            expected_version=version,
        )
        cases.commit([write])
    return FindingRecorded(case_id=case_id, findings=len(found))


def _find(cases: Repository, case_id: str) -> tuple[tuple[FindingReported, ...], int]:
    stored = cases.get(partition_key(case_id), FINDINGS)
    if stored is None:
        return (), 0
    return parse_json(CaseFindings, stored.document).findings, stored.version
