"""NotifyClients: what happens to a case is told to its customer's WebSocket clients."""

from typing import Any

import msgspec

from redress.api.case_view import shown_actions
from redress.api.clients import clients_of, forget_client
from redress.models.base import Instant, Model, parse
from redress.ports import ClientConnections, Repository


class Notified(Model, frozen=True):
    """How many connections were told, and how many turned out to be gone."""

    told: int
    gone: int


class _Detail(msgspec.Struct):
    """What the details of all case events share; each has more."""

    case_id: str | None = None
    order_id: str | None = None
    customer_id: str | None = None
    status: str | None = None
    stage: str | None = None
    explanation: str | None = None
    actions: list[dict[str, Any]] | None = None


class _Event(msgspec.Struct, rename={"detail_type": "detail-type"}):
    detail_type: str
    detail: _Detail
    time: Instant


# Its actions are proposals with staff's reasons; the customer learns that somebody looks at it.
_FOR_STAFF = frozenset({"ApprovalRequested"})


def notify_clients(event: Any, clients: Repository, connections: ClientConnections) -> Notified:
    """Send one message to each open connection of the event's customer.

    The message is `{type, case_id, order_id, at, status?, stage?, explanation?, actions?}`. Bus
    and Lambda deliver at least once, so a client may see a message twice.

    Raises:
        InvalidInputError: the event is no case event.
        DependencyUnavailableError: store or API Gateway did not answer; some may have been told.
    """
    told = parse(_Event, event)
    detail = told.detail
    if detail.customer_id is None:
        return Notified(told=0, gone=0)
    known: dict[str, Any] = {
        "type": told.detail_type,
        "case_id": detail.case_id,
        "order_id": detail.order_id,
        "at": told.time,
        "status": detail.status,
        "stage": detail.stage,
        "explanation": detail.explanation,
    }
    message = {key: value for key, value in known.items() if value is not None}
    if detail.actions and told.detail_type not in _FOR_STAFF:
        message["actions"] = shown_actions({"actions": detail.actions})
    reached = gone = 0
    for client in clients_of(clients, detail.customer_id):
        if connections.send(client.connection_id, message):
            reached += 1
        else:
            forget_client(clients, client.connection_id)
            gone += 1
    return Notified(told=reached, gone=gone)
