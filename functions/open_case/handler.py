"""OpenCase: POST /cases in, 202 with the case's id out."""

from typing import Any

from redress.api.open_case import open_case
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Accept a case."""
    here = runtime()
    return open_case(event, here.cases, here.publisher, here.clock, here.new_secret)
