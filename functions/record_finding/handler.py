"""RecordFinding: FindingReported in, a finding on its case."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump
from redress.runtime import runtime
from redress.steps.record_finding import record_finding


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Add a finding to its case."""
    here = runtime()
    return dump(record_finding(event, here.cases))
