"""IssueTicket: POST /tickets in, 201 with a ticket out."""

from typing import Any

from redress.api.issue_ticket import issue_ticket
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Issue a ticket for a WebSocket connection."""
    here = runtime()
    return issue_ticket(event, here.clients, here.clock, here.new_secret)
