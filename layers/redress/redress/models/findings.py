"""What agents of others report about a case; events/schemas/FindingReported.json."""

from typing import Annotated, Literal

import msgspec

from redress.models.base import Identifier, Instant, Model

MAX_FINDINGS = 32
"""Findings that are kept of one case."""

Severity = Literal["info", "warning", "critical"]

EvidenceId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:/#\-]+(?!\n)$")
]


class FindingReported(Model, frozen=True):
    """Detail of the event by which an agent adds a finding to a case.

    `agent` is the event's source, which IAM can pin. `text` is for operators: untrusted, and never
    a reason to decide anything. `evidence` names what the agent relied on, in ids of its own.
    """

    schema_version: Literal["1"]
    case_id: Identifier
    agent: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z][a-z0-9.\-]*(?!\n)$")]
    code: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z][a-z0-9_]*(?!\n)$")]
    severity: Severity
    text: Annotated[str, msgspec.Meta(max_length=500)]
    evidence: Annotated[tuple[EvidenceId, ...], msgspec.Meta(max_length=16)]
    reported_at: Instant


class CaseFindings(Model, frozen=True):
    """The findings on one case as the store keeps them, in order of arrival."""

    findings: Annotated[tuple[FindingReported, ...], msgspec.Meta(max_length=MAX_FINDINGS)]
