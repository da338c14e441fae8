"""IssueTicket: a customer's token becomes a ticket for one WebSocket connection."""

from collections.abc import Callable
from functools import partial
from typing import Any

from redress.api.clients import TICKET_LIFE, Ticket, keep_ticket
from redress.api.requests import answers, customer_of, read_request
from redress.models.base import Instant, Model
from redress.ports import Clock, Repository


class IssuedTicket(Model, frozen=True):
    """Answer of POST /tickets: connect with `?ticket=...` before it expires."""

    ticket: str
    expires_at: Instant


@partial(answers, status=201)
def issue_ticket(
    event: Any, clients: Repository, clock: Clock, new_secret: Callable[[], str]
) -> IssuedTicket:
    """Answer POST /tickets.

    Raises:
        NotSignedInError: no customer calls.
        DependencyUnavailableError: the store did not answer.
    """
    customer = customer_of(read_request(event))
    secret = new_secret()
    expires_at = clock.now() + TICKET_LIFE
    keep_ticket(clients, secret, Ticket(customer_id=customer, expires_at=expires_at))
    return IssuedTicket(ticket=secret, expires_at=expires_at)
