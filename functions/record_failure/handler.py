"""RecordFailure: park a case for an operator."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import FailureReport
from redress.runtime import runtime
from redress.steps.record_failure import record_failure


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Park the case."""
    here = runtime()
    return dump(record_failure(parse(FailureReport, event), here.cases, here.clock, here.publisher))
