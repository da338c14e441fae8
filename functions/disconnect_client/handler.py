"""DisconnectClient: the end of a WebSocket connection in."""

from typing import Any

from redress.api.disconnect_client import disconnect_client
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Forget a connection."""
    here = runtime()
    return disconnect_client(event, here.clients)
