"""RecordFailure: park a case for an operator."""

from typing import Any

from redress.logs import logged
from redress.runtime import runtime
from redress.steps.record_failure import record_failure


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Park the case."""
    here = runtime()
    return record_failure(event, here.cases, here.clock, here.publisher)
