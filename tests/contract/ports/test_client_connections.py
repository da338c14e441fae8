"""The contract of `ClientConnections`, held in memory and by the WebSocket front over HTTP."""

from typing import Any

MESSAGE = {"case_id": "c", "text": "Zoë 你好", "parts": [1, None, {"a": []}]}


def test_messages_reach_their_client_in_order(sockets: Any) -> None:
    first, second = sockets.open(), sockets.open()
    messages = [MESSAGE, {"n": 2}, {"n": 3}]
    for message in messages:
        assert sockets.connections.send(first, message)
    assert sockets.connections.send(second, {"n": 1})
    assert sockets.got(first, 3) == messages
    assert sockets.got(second, 1) == [{"n": 1}]


def test_who_has_left_gets_nothing(sockets: Any) -> None:
    gone = sockets.open()
    sockets.leave(gone)
    assert not sockets.connections.send(gone, MESSAGE)


def test_nobody_of_that_name(sockets: Any) -> None:
    assert not sockets.connections.send("nobody=", MESSAGE)
