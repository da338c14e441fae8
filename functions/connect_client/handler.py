"""ConnectClient: WebSocket handshake in, yes or no out."""

from typing import Any

from redress.api.connect_client import connect_client
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Let a client with a ticket in."""
    here = runtime()
    return connect_client(event, here.clients, here.clock)
