"""A token becomes a ticket, a ticket a connection, once; a connection hears of its own cases."""

import json
from typing import Any

import pytest
from redress.adapters.memory.connections import MemoryConnections
from redress.adapters.memory.repository import MemoryRepository
from redress.api.clients import clients_of, find_client
from redress.api.connect_client import connect_client
from redress.api.disconnect_client import disconnect_client
from redress.api.issue_ticket import issue_ticket
from redress.api.watch_case import watch_case
from redress.errors import ConflictError
from redress.ports import Write

CONNECTION = "Zm9vYmFyPQ=="


@pytest.fixture
def clients() -> MemoryRepository:
    return MemoryRepository()


@pytest.fixture
def ticket(clients: MemoryRepository, sample: Any, clock: Any, new_secret: Any) -> str:
    answer = issue_ticket(sample("issue_ticket"), clients, clock, new_secret)
    assert answer["statusCode"] == 201
    assert answer["headers"]["cache-control"] == "no-store"
    return str(json.loads(answer["body"])["ticket"])


@pytest.fixture
def connect(clients: MemoryRepository, sample: Any, clock: Any) -> Any:
    def handshake(ticket: str | None) -> int:
        event = sample("connect_client")
        event["queryStringParameters"] = None if ticket is None else {"ticket": ticket}
        return int(connect_client(event, clients, clock)["statusCode"])

    return handshake


def test_a_ticket_opens_one_connection(clients: Any, ticket: str, connect: Any) -> None:
    assert [connect(ticket), connect(ticket)] == [200, 403]
    (client,) = clients_of(clients, "cust_mina")
    assert client.connection_id == CONNECTION


def test_a_ticket_expires(ticket: str, connect: Any, clock: Any) -> None:
    clock.pass_by(60)
    assert connect(ticket) == 403


@pytest.mark.parametrize("secret", [None, "", "x", "\ud800", "x" * 5_000])
def test_no_ticket_no_connection(ticket: str, connect: Any, secret: str | None) -> None:
    assert connect(secret) == 403
    assert connect(ticket) == 200


def test_a_ticket_is_kept_as_a_hash(clients: Any, ticket: str) -> None:
    assert ticket not in str(clients.__dict__)


def test_two_that_use_a_ticket_at_once(ticket: str, connect: Any, clients: Any) -> None:
    commit = clients.commit

    def other_first(writes: list[Write]) -> None:
        raise ConflictError("lost")

    clients.commit = other_first
    assert connect(ticket) == 403
    clients.commit = commit
    assert connect(ticket) == 200


def test_a_machine_gets_no_ticket(clients: Any, sample: Any, clock: Any, new_secret: Any) -> None:
    event = sample("issue_ticket", customer=None)
    assert issue_ticket(event, clients, clock, new_secret)["statusCode"] == 403


def test_a_connection_that_ended_is_known_no_more(
    clients: Any, ticket: str, connect: Any, sample: Any
) -> None:
    connect(ticket)
    for was_open in (True, False):
        answer = disconnect_client(sample("disconnect_client"), clients)
        assert json.loads(answer["body"]) == {"connection_id": CONNECTION, "was_open": was_open}
    assert find_client(clients, CONNECTION) is None
    assert clients_of(clients, "cust_mina") == []


@pytest.mark.parametrize("event", [None, [], {}, {"requestContext": {}}])
def test_what_is_no_websocket_event(clients: Any, clock: Any, event: Any) -> None:
    assert connect_client(event, clients, clock)["statusCode"] == 400
    assert disconnect_client(event, clients)["statusCode"] == 400


class TestWatch:
    @pytest.fixture
    def ask(self, clients: Any, ticket: str, connect: Any, sample: Any) -> Any:
        connect(ticket)
        sockets = MemoryConnections({CONNECTION})

        def send(body: Any) -> Any:
            event = sample("watch_case", body=body)
            answer = watch_case(event, clients, MemoryRepository(), sockets)
            assert answer["statusCode"] == 200
            return sockets.sent[CONNECTION].pop()

        return send

    def test_a_case_that_is_not_there_yet(self, ask: Any) -> None:
        told = ask({"action": "watch", "case_id": "case_9"})
        assert (told["type"], told["error"]) == ("Error", "UnknownCaseError")

    @pytest.mark.parametrize(
        "body", ["", "{", "\ud800", "[]", {"action": "watch"}, {"action": "x", "case_id": "c"}]
    )
    def test_bad_messages(self, ask: Any, body: Any) -> None:
        told = ask(body)
        assert (told["type"], told["error"]) == ("Error", "InvalidInputError")

    def test_a_connection_that_nobody_made(self, clients: Any, sample: Any) -> None:
        answer = watch_case(sample("watch_case"), clients, MemoryRepository(), MemoryConnections())
        assert answer["statusCode"] == 403
