"""WatchCase: a client's question on its WebSocket in, the case as it stands sent back."""

from typing import Any

from redress.api.watch_case import watch_case
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Tell a client how its case stands."""
    here = runtime()
    return watch_case(event, here.clients, here.cases, here.connections)
