"""NotifyClients: case event in, a message to each of its customer's clients."""

from typing import Any

from redress.api.notify_clients import notify_clients
from redress.logs import logged
from redress.models.base import dump
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Tell a customer's clients."""
    here = runtime()
    return dump(notify_clients(event, here.clients, here.connections))
