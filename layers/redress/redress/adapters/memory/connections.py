"""WebSocket clients in memory, for tests and for a machine without a WebSocket front."""

from collections import defaultdict
from typing import Any

from redress.models.base import dump


class MemoryConnections:
    """A `ClientConnections` that keeps what was sent to the connections it was told of."""

    def __init__(self, open_ids: set[str] | None = None) -> None:
        """Have these connections open."""
        self.open_ids = open_ids or set()
        self.sent: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def send(self, connection_id: str, message: dict[str, Any]) -> bool:
        """Keep the message; False if the connection is not open."""
        if connection_id not in self.open_ids:
            return False
        self.sent[connection_id].append(dump(message))
        return True
