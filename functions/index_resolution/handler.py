"""IndexResolution: CaseResolved in, a passage for later cases."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump
from redress.runtime import runtime
from redress.steps.index_resolution import index_resolution


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Keep how a case was resolved."""
    here = runtime()
    return dump(index_resolution(event, here.cases, here.resolutions))
