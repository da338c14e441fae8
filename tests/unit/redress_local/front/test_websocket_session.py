"""One connection's session, with a server that is only what ASGI says."""

import asyncio
from typing import Any

from redress_local.front.connections import Close, Connection, FullError, GoneError
from redress_local.front.websocket_session import Session


class Server:
    """Gives events that a test queues, and keeps what is sent."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[Any] = []
        self.stuck = asyncio.Event()
        self.stuck.set()

    async def receive(self) -> Any:
        return await self.events.get()

    async def send(self, message: Any) -> None:
        await self.stuck.wait()
        self.sent.append(message)
        if message["type"] == "websocket.close":
            await self.events.put({"type": "websocket.disconnect", "code": message["code"]})


def _connection() -> Connection:
    return Connection(
        connection_id="c=",
        api_id="a",
        stage="live",
        now=0.0,
        source_ip="127.0.0.1",
        user_agent="",
        loop=asyncio.get_running_loop(),
    )


async def _run(server: Server, connection: Connection, handle: Any) -> Close:
    session = Session(connection, handle, lambda: 1.0)
    return await asyncio.wait_for(session.run(server.receive, server.send), 5)


def test_a_message_over_the_limit_closes_whatever_the_server_lets_through() -> None:
    async def test() -> None:
        server, handled = Server(), list[Any]()

        async def handle(data: Any) -> None:
            handled.append(data)

        # As many characters as bytes are allowed, and twice the bytes.
        for text in ("x" * 131_072, "é" * 131_072, "late"):
            await server.events.put({"type": "websocket.receive", "text": text})
        closed = await _run(server, _connection(), handle)
        assert (closed.code, handled) == (1009, ["x" * 131_072])
        assert server.sent[-1]["code"] == 1009

    asyncio.run(test())


def test_a_failing_handler_ends_the_session_and_not_more() -> None:
    async def test() -> None:
        server = Server()

        async def handle(data: Any) -> None:
            raise LookupError

        for number in range(40):
            await server.events.put({"type": "websocket.receive", "text": str(number)})
        try:
            await _run(server, _connection(), handle)
        except LookupError:
            return
        raise AssertionError("it was swallowed")

    asyncio.run(test())


def test_the_buffer_is_bounded_by_bytes_and_by_messages() -> None:
    async def test() -> None:
        for size in (100_000, 0):
            connection, posted = _connection(), 0
            try:
                while posted < 5000:
                    connection.post(b"x" * size, 0.0)
                    posted += 1
            except FullError:
                pass
            assert posted == (10 if size else 1000)

    asyncio.run(test())


def test_after_a_wish_to_close_the_rest_is_sent_and_no_more_is_taken() -> None:
    async def test() -> None:
        server, connection = Server(), _connection()

        async def handle(data: Any) -> None:
            return None

        connection.post(b"one", 0.0)
        connection.close(Close(1000, "done"))
        try:
            connection.post(b"two", 0.0)
        except GoneError:
            pass
        else:
            raise AssertionError("it was taken")
        closed = await _run(server, connection, handle)
        assert closed == Close(1000, "done")
        assert [message["type"] for message in server.sent] == ["websocket.send", "websocket.close"]

    asyncio.run(test())


def test_a_client_that_leaves_while_a_send_is_stuck() -> None:
    async def test() -> None:
        server, connection = Server(), _connection()
        server.stuck.clear()

        async def handle(data: Any) -> None:
            return None

        connection.post(b"never read", 0.0)
        await server.events.put({"type": "websocket.disconnect", "code": 1006})
        assert (await _run(server, connection, handle)).code == 1006
        assert connection.gone

    asyncio.run(test())
