"""What happens to a case is told to its customer's connections, and to no one else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.memory.connections import MemoryConnections
from redress.adapters.memory.repository import MemoryRepository
from redress.api.clients import Client, clients_of, keep_client
from redress.api.notify_clients import notify_clients
from redress.errors import InvalidInputError

SAMPLES = Path(__file__).parents[4] / "events"
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clients() -> MemoryRepository:
    found = MemoryRepository()
    for connection, customer in (("m1", "cust_mina"), ("m2", "cust_mina"), ("b1", "cust_ben")):
        client = Client(connection_id=connection, customer_id=customer, connected_at=AT)
        keep_client(found, client)
    return found


def event(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def test_every_connection_of_the_customer_is_told(clients: Any) -> None:
    sockets = MemoryConnections({"m1", "m2", "b1"})
    told = notify_clients(event("case_resolved"), clients, sockets)
    assert (told.told, told.gone) == (2, 0)
    assert set(sockets.sent) == {"m1", "m2"}
    (message,) = sockets.sent["m1"]
    assert message["type"] == "CaseResolved"
    assert message["actions"][0]["amount_minor"] == 6490
    assert "payee" not in message["actions"][0]


def test_a_connection_that_is_gone_is_forgotten(clients: Any) -> None:
    sockets = MemoryConnections({"m2"})
    told = notify_clients(event("case_resolved"), clients, sockets)
    assert (told.told, told.gone) == (1, 1)
    assert [c.connection_id for c in clients_of(clients, "cust_mina")] == ["m2"]


@pytest.mark.parametrize(
    "name",
    ["case_progressed", "approval_requested", "case_resolved", "case_rejected", "case_failed"],
)
def test_customers_hear_nothing_of_policy(clients: Any, name: str) -> None:
    sockets = MemoryConnections({"m1"})
    happened = event(name)
    happened["detail"]["customer_id"] = "cust_mina"
    notify_clients(happened, clients, sockets)
    (message,) = sockets.sent["m1"]
    allowed = {"type", "case_id", "order_id", "at", "status", "stage", "explanation", "actions"}
    assert set(message) <= allowed
    assert "needs_approval" not in json.dumps(message, default=str)


def test_an_event_without_a_customer_is_for_nobody(clients: Any) -> None:
    happened = event("case_failed")
    happened["detail"]["customer_id"] = None
    assert notify_clients(happened, clients, MemoryConnections({"m1"})).told == 0


@pytest.mark.parametrize("bad", [None, {}, {"detail-type": "X"}, {"detail-type": 1, "detail": {}}])
def test_what_is_no_event_is_refused(clients: Any, bad: Any) -> None:
    with pytest.raises(InvalidInputError):
        notify_clients(bad, clients, MemoryConnections())
