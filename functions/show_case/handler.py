"""ShowCase: GET /cases/{case_id} in, the customer's case out."""

from typing import Any

from redress.api.show_case import show_case
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Show a case."""
    here = runtime()
    return show_case(event, here.cases)
