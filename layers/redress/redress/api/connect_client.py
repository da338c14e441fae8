"""ConnectClient: a WebSocket handshake with a ticket becomes a customer's connection."""

from typing import Any

from redress.api.clients import Client, keep_client, use_ticket
from redress.api.requests import answers, read_message
from redress.models.base import Model
from redress.ports import Clock, Repository


class Connected(Model, frozen=True):
    """Answer to $connect; API Gateway looks at the status only."""

    connection_id: str


@answers
def connect_client(event: Any, clients: Repository, clock: Clock) -> Connected:
    """Answer $connect: any status but 2xx refuses the handshake.

    Raises:
        NotSignedInError: the ticket is missing, unknown, expired or used.
        InvalidInputError: the event is no handshake.
        DependencyUnavailableError: the store did not answer.
    """
    handshake = read_message(event)
    secret = (handshake.query_string_parameters or {}).get("ticket", "")
    now = clock.now()
    customer = use_ticket(clients, secret, now)
    client = Client(connection_id=handshake.connection_id, customer_id=customer, connected_at=now)
    keep_client(clients, client)
    return Connected(connection_id=client.connection_id)
