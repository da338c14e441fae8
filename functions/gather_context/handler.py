"""GatherContext: the policy passages that matter to a case, and a case like it."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.case import CaseRequest
from redress.runtime import runtime
from redress.steps.gather_context import gather_context


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Retrieve passages."""
    here = runtime()
    return dump(gather_context(parse(CaseRequest, event), here.passages, here.resolutions))
