"""Tickets and connections of WebSocket clients, as the store keeps them.

A browser cannot send a header with a WebSocket handshake, and a token in a URL ends up in logs. So
a client trades its token for a ticket, which opens one connection, once, within a minute.
"""

import hashlib
from datetime import datetime, timedelta

from redress.errors import ConflictError, NotSignedInError
from redress.models.base import Identifier, Instant, Model, dump_json, parse_json
from redress.ports import Record, Repository, Write

TICKET_LIFE = timedelta(seconds=60)
CONNECTION_LIFE = timedelta(hours=2)
"""API Gateway ends every connection after two hours."""

_TICKET, _CONNECTION = "ticket", "connection"
# A store may take a while to forget, and must not forget too early.
_KEPT_AFTER = timedelta(hours=1)


class Ticket(Model, frozen=True):
    """Lets its customer connect once."""

    customer_id: Identifier
    expires_at: Instant
    used: bool = False


class Client(Model, frozen=True):
    """A connection and whose it is; `gone` once it has ended."""

    connection_id: str
    customer_id: Identifier
    connected_at: Instant
    gone: bool = False


def keep_ticket(clients: Repository, secret: str, ticket: Ticket) -> None:
    """Store a ticket under a hash of its secret.

    Raises:
        DependencyUnavailableError: the store did not answer.
    """
    clients.commit([_put_ticket(secret, ticket, 0)])


def use_ticket(clients: Repository, secret: str, now: datetime) -> str:
    """Use up a ticket and return its customer.

    Raises:
        NotSignedInError: it is unknown, expired or used.
        DependencyUnavailableError: the store did not answer.
    """
    found = clients.get(_ticket_key(secret), _TICKET)
    ticket = parse_json(Ticket, found.document) if found else None
    if found is None or ticket is None or ticket.used or now >= ticket.expires_at:
        raise NotSignedInError("the ticket is not valid: ask for a new one")
    used = Ticket(customer_id=ticket.customer_id, expires_at=ticket.expires_at, used=True)
    try:
        clients.commit([_put_ticket(secret, used, found.version)])
    except ConflictError as error:
        raise NotSignedInError("the ticket has just been used") from error
    return ticket.customer_id


def keep_client(clients: Repository, client: Client) -> None:
    """Store a new connection.

    Raises:
        ConflictError: there is one of this id.
        DependencyUnavailableError: the store did not answer.
    """
    clients.commit([_put_client(client, 0)])


def find_client(clients: Repository, connection_id: str) -> Client | None:
    """Read a connection that is not gone."""
    found = clients.get(_client_key(connection_id), _CONNECTION)
    client = parse_json(Client, found.document) if found else None
    return None if client is None or client.gone else client


def clients_of(clients: Repository, customer_id: str) -> list[Client]:
    """Read a customer's connections."""
    return [parse_json(Client, r.document) for r in clients.by_index(_customer_index(customer_id))]


def forget_client(clients: Repository, connection_id: str) -> bool:
    """Note that a connection is gone; False if that was known.

    Raises:
        DependencyUnavailableError: the store did not answer.
    """
    found: Record | None = clients.get(_client_key(connection_id), _CONNECTION)
    client = parse_json(Client, found.document) if found else None
    if found is None or client is None or client.gone:
        return False
    gone = Client(
        connection_id=connection_id,
        customer_id=client.customer_id,
        connected_at=client.connected_at,
        gone=True,
    )
    try:
        clients.commit([_put_client(gone, found.version)])
    except ConflictError:
        # Somebody else noted it first: nothing but that is ever written to a connection.
        return False
    return True


def _put_ticket(secret: str, ticket: Ticket, version: int) -> Write:
    return Write(
        partition=_ticket_key(secret),
        sort=_TICKET,
        document=dump_json(ticket),
        expected_version=version,
        expires_at=_epoch(ticket.expires_at),
    )


def _put_client(client: Client, version: int) -> Write:
    return Write(
        partition=_client_key(client.connection_id),
        sort=_CONNECTION,
        document=dump_json(client),
        expected_version=version,
        index=None if client.gone else _customer_index(client.customer_id),
        expires_at=_epoch(client.connected_at + CONNECTION_LIFE),
    )


def _epoch(instant: datetime) -> int:
    return int((instant + _KEPT_AFTER).timestamp())


def _ticket_key(secret: str) -> str:
    return f"ticket#{hashlib.sha256(secret.encode(errors='replace')).hexdigest()}"


def _client_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def _customer_index(customer_id: str) -> str:
    return f"customer#{customer_id}"
