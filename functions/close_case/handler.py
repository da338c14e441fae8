"""CloseCase: record how the case ended."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import ClosingRequest
from redress.runtime import runtime
from redress.steps.close_case import close_case


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Close the case."""
    here = runtime()
    return dump(close_case(parse(ClosingRequest, event), here.cases, here.clock))
