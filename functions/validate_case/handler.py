"""ValidateCase: CaseOpened event in, `SupportCase` out."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump
from redress.runtime import runtime
from redress.steps.validate_case import validate_case


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Turn an event into a case."""
    here = runtime()
    return dump(validate_case(event, here.config.default_pattern, here.orders))
