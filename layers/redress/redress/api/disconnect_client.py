"""DisconnectClient: a WebSocket connection that ended is written to no more."""

from typing import Any

from redress.api.clients import forget_client
from redress.api.requests import answers, read_message
from redress.models.base import Model
from redress.ports import Repository


class Disconnected(Model, frozen=True):
    """Answer to $disconnect; nobody reads it."""

    connection_id: str
    was_open: bool


@answers
def disconnect_client(event: Any, clients: Repository) -> Disconnected:
    """Answer $disconnect.

    Raises:
        InvalidInputError: the event is no WebSocket event.
        DependencyUnavailableError: the store did not answer.
    """
    ended = read_message(event).connection_id
    return Disconnected(connection_id=ended, was_open=forget_client(clients, ended))
