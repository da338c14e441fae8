"""WatchCase: a WebSocket client asks how one of its cases stands.

Everything that happens after the connection was made is told without asking (NotifyClients).
"""

from typing import Any, Literal

from redress.api.case_view import view_case
from redress.api.clients import find_client
from redress.api.requests import answers, problem, read_body, read_message
from redress.errors import InvalidInputError, NotSignedInError, UnknownCaseError
from redress.models.base import Identifier, Model, dump
from redress.ports import ClientConnections, Repository


class WatchRequest(Model, frozen=True):
    """Body of the message."""

    action: Literal["watch"]
    case_id: Identifier


class Told(Model, frozen=True):
    """Answer of the route; the client gets a message of its own."""

    sent: bool


@answers
def watch_case(
    event: Any, clients: Repository, cases: Repository, connections: ClientConnections
) -> Told:
    """Send `{type: CaseStatus, ...}` to the client that asks, or `{type: Error, ...}`.

    Raises:
        NotSignedInError: the connection is not known.
        DependencyUnavailableError: store or API Gateway did not answer.
    """
    asked = read_message(event)
    client = find_client(clients, asked.connection_id)
    if client is None:
        raise NotSignedInError("this connection is not known")
    try:
        wanted = read_body(WatchRequest, asked)
        view = dump(view_case(cases, wanted.case_id, client.customer_id))
        message = {"type": "CaseStatus", **view}
    except (InvalidInputError, UnknownCaseError) as error:
        message = {"type": "Error", **problem(error)}
    return Told(sent=connections.send(client.connection_id, message))
