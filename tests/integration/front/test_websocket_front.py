"""WebSocket APIs over a real server, with real clients, and boto3 for @connections."""

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_clients import client as client_of
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect


@pytest.fixture(autouse=True)
def handlers(front: Any) -> Iterator[None]:
    front.functions.handlers["watch"] = lambda event: {"statusCode": 200, "body": event["body"]}
    yield
    # What one test began must not end in the next.
    deadline = time.monotonic() + 5
    while front.websocket._connections.all():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def _client(front: Any, **options: Any) -> Iterator[tuple[ClientConnection, str]]:
    """A connected client and its connection id."""
    known = len(front.functions.of("connect"))
    with connect(options.pop("url", front.ws), compression=None, **options) as client:
        event = front.functions.wait("connect", known + 1)[-1]
        yield client, event["requestContext"]["connectionId"]


def _management(front: Any, suffix: str = "/live") -> Any:
    return client_of("apigatewaymanagementapi", front.url + suffix)


def test_the_events_of_a_connection(front: Any) -> None:
    with _client(front, url=f"{front.ws}?ticket=a&ticket=b", user_agent_header="tester") as (
        client,
        connection_id,
    ):
        client.send('{"action":"quiet","x":1}')
        (message,) = front.functions.wait("quiet")
        client.close(4001, "bye")
    (joined,) = front.functions.of("connect")
    (left,) = front.functions.wait("disconnect")
    assert joined["queryStringParameters"] == {"ticket": "b"}
    assert joined["multiValueQueryStringParameters"] == {"ticket": ["a", "b"]}
    assert joined["headers"]["User-Agent"] == "tester"
    assert joined["multiValueHeaders"]["Host"] == [f"127.0.0.1:{front.port}"]
    assert "Sec-WebSocket-Key" in joined["headers"]
    assert message["body"] == '{"action":"quiet","x":1}'
    assert message["isBase64Encoded"] is False
    assert not {"headers", "queryStringParameters"} & set(message)
    contexts = [event["requestContext"] for event in (joined, message, left)]
    assert [context["eventType"] for context in contexts] == ["CONNECT", "MESSAGE", "DISCONNECT"]
    assert [context["routeKey"] for context in contexts] == ["$connect", "quiet", "$disconnect"]
    for context in contexts:
        assert context["connectionId"] == connection_id
        assert context["stage"] == "live"
        assert context["apiId"] == "wsapi1"
        assert context["domainName"] == "wsapi1.execute-api.us-east-1.amazonaws.com"
        assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tester"}
        assert context["connectedAt"] == contexts[0]["connectedAt"]
        assert context["requestTimeEpoch"] >= context["connectedAt"]
        assert context["extendedRequestId"]
    assert contexts[1]["messageId"]
    assert len({context["requestId"] for context in contexts}) == 3
    assert (contexts[2]["disconnectStatusCode"], contexts[2]["disconnectReason"]) == (4001, "bye")
    assert "Sec-Websocket-Key" not in left["headers"]
    assert "queryStringParameters" not in left


@pytest.mark.parametrize(
    ("message", "function"),
    [
        ('{"action":"watch"}', "watch"),
        ('{"action":"nobody"}', "other"),
        ('{"action":"$connect"}', "other"),
        ('{"action":"$disconnect"}', "other"),
        ('{"action":["watch"]}', "other"),
        ('{"action":null}', "other"),
        ('["watch"]', "other"),
        ("not json", "other"),
        ("", "other"),
        ("[" * 5000, "other"),
        ('{"action":"watch"', "other"),
        ('"\\ud800"', "other"),
        (b"\x00\xff", "other"),
    ],
)
def test_a_message_finds_its_route(message: str | bytes, function: str, front: Any) -> None:
    with _client(front) as (client, _):
        client.send(message)
        (event,) = front.functions.wait(function)
        assert client.recv(timeout=5) == (event["body"] if function == "watch" else "ok")
    if isinstance(message, bytes):
        assert event["isBase64Encoded"] is True
        assert base64.b64decode(event["body"]) == message
    else:
        assert event["body"] == message


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"statusCode": 401, "body": "who?"}, 401),
        ({"statusCode": 403}, 403),
        ({"statusCode": 500}, 500),
        ({"body": "no status"}, 502),
        (None, 502),
        (b"not json", 502),
    ],
)
def test_the_function_decides_who_connects(result: Any, status: int, front: Any) -> None:
    front.functions.handlers["connect"] = lambda event: result
    with pytest.raises(InvalidStatus) as caught, connect(front.ws):
        pass
    assert caught.value.response.status_code == status
    if status == 401:
        assert caught.value.response.body == b"who?"
    assert not front.functions.of("disconnect")


def test_a_connect_function_that_fails_or_is_throttled(front: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("secret detail")

    def throttle(event: Any) -> None:
        raise front.throttled

    for handler, status in ((fail, 502), (throttle, 429)):
        front.functions.handlers["connect"] = handler
        with pytest.raises(InvalidStatus) as caught, connect(front.ws):
            pass
        assert caught.value.response.status_code == status
        assert b"secret" not in caught.value.response.body


@pytest.mark.parametrize("path", ["/other", "/live/more", "/%ff", "/../live"])
def test_a_stage_that_is_not_there(path: str, front: Any) -> None:
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://127.0.0.1:{front.port}{path}"),
    ):
        pass
    assert caught.value.response.status_code in (400, 403)
    assert front.functions.events == []


def test_the_root_leads_to_the_only_stage(front: Any) -> None:
    with _client(front, url=f"ws://127.0.0.1:{front.port}/") as (client, _):
        client.send("hello")
        assert client.recv(timeout=5) == "ok"


def test_a_subprotocol_is_the_functions_to_choose(front: Any) -> None:
    front.functions.handlers["connect"] = lambda event: {
        "statusCode": 200,
        "headers": {"Sec-WebSocket-Protocol": "v2"},
    }
    with _client(front, subprotocols=["v1", "v2"]) as (client, _):
        assert client.subprotocol == "v2"
    with _client(front) as (client, _):
        assert client.subprotocol is None


def test_a_failing_route_tells_the_client(front: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("secret detail")

    front.functions.handlers["quiet"] = fail
    front.functions.handlers["fast"] = lambda event: time.sleep(0.4)
    front.functions.handlers["watch"] = lambda event: {"statusCode": 200, "body": 7}
    with _client(front) as (client, connection_id):
        for action, text in (
            ("quiet", "Internal server error"),
            ("watch", "Internal server error"),
            ("fast", "Endpoint request timed out"),
        ):
            client.send(json.dumps({"action": action}))
            told = json.loads(client.recv(timeout=5))
            assert told.pop("requestId")
            assert told == {"message": text, "connectionId": connection_id}


def test_messages_of_a_connection_keep_their_order(front: Any) -> None:
    def watch(event: Any) -> Any:
        number = json.loads(event["body"])["n"]
        time.sleep(0.01 if number % 3 == 0 else 0)
        return {"statusCode": 200, "body": str(number)}

    front.functions.handlers["watch"] = watch
    with _client(front) as (client, _):
        for number in range(60):
            client.send(json.dumps({"action": "watch", "n": number}))
        assert [client.recv(timeout=5) for _ in range(60)] == [str(n) for n in range(60)]


def test_messages_sent_before_the_end_are_handled_before_disconnect(front: Any) -> None:
    front.functions.handlers["quiet"] = lambda event: time.sleep(0.02)
    with _client(front) as (client, _):
        for _ in range(5):
            client.send('{"action":"quiet"}')
    front.functions.wait("disconnect")
    names = [name for name, _ in front.functions.events]
    assert names == ["connect", *["quiet"] * 5, "disconnect"]


def test_a_connection_is_gone_while_its_last_messages_are_handled(front: Any) -> None:
    go = threading.Event()
    front.functions.handlers["quiet"] = lambda event: go.wait(5)
    with _client(front) as (client, connection_id):
        client.send('{"action":"quiet"}')
        front.functions.wait("quiet")
    path = f"/@connections/{connection_id}"
    deadline = time.monotonic() + 5
    while front.websocket.management.handle("GET", path, {}, {}, b"")[0] != 410:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert front.functions.of("disconnect") == []
    go.set()
    front.functions.wait("disconnect")


def _ended_with(front: Any, code: int) -> None:
    # Asked of the gateway: the closing frame may be lost where the client still sends.
    (left,) = front.functions.wait("disconnect")
    assert left["requestContext"]["disconnectStatusCode"] == code


def _exchange(client: ClientConnection, data: Any, *, text: bool | None = None) -> None:
    client.send(data, text=text)
    client.recv(timeout=5)


def test_a_message_over_128_kb_ends_the_connection(front: Any) -> None:
    with _client(front) as (client, _):
        # In frames of 32 KB, the most that is allowed.
        client.send(["x" * 32_768] * 4)
        assert client.recv(timeout=5) == "ok"
        with pytest.raises(ConnectionClosed):
            _exchange(client, ["x" * 32_768] * 4 + ["x"])
    _ended_with(front, 1009)
    assert len(front.functions.of("other")) == 1


def test_a_frame_over_32_kb_ends_the_connection(front: Any) -> None:
    with _client(front) as (client, _), pytest.raises(ConnectionClosed):
        _exchange(client, "x" * 32_769)
    _ended_with(front, 1009)
    assert front.functions.of("other") == []


def test_text_that_is_not_utf8_ends_the_connection(front: Any) -> None:
    with _client(front) as (client, _), pytest.raises(ConnectionClosed):
        _exchange(client, b"\xff\xfe", text=True)
    _ended_with(front, 1007)
    assert front.functions.of("other") == []


def test_an_idle_connection_ends_after_ten_minutes(front: Any) -> None:
    with _client(front) as (client, _):
        front.clock.added = 590
        client.send("still here")
        assert client.recv(timeout=5) == "ok"
        front.clock.added = 1100
        front.websocket.sweep()
        client.send("yes")
        assert client.recv(timeout=5) == "ok"
        front.clock.added = 1710
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=5)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "Going away")
    (left,) = front.functions.wait("disconnect")
    assert left["requestContext"]["disconnectStatusCode"] == 1001


def test_no_connection_lasts_longer_than_two_hours(front: Any) -> None:
    with _client(front) as (client, _):
        for added in range(0, 7200, 500):
            front.clock.added = added
            client.send("busy")
            assert client.recv(timeout=5) == "ok"
        front.clock.added = 7201
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=5)


@pytest.mark.parametrize("suffix", ["/live", ""])
def test_boto3_posts_looks_and_closes(suffix: str, front: Any) -> None:
    api = _management(front, suffix)
    with _client(front, user_agent_header="tester") as (client, connection_id):
        api.post_to_connection(ConnectionId=connection_id, Data="grüße".encode())
        assert client.recv(timeout=5) == "grüße"
        api.post_to_connection(ConnectionId=connection_id, Data=b"\xff\x00")
        assert client.recv(timeout=5) == b"\xff\x00"
        found = api.get_connection(ConnectionId=connection_id)
        assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tester"}
        assert abs((datetime.now(UTC) - found["ConnectedAt"]).total_seconds()) < 10
        assert found["LastActiveAt"] >= found["ConnectedAt"]
        api.delete_connection(ConnectionId=connection_id)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=5)
        for call in (
            lambda: api.post_to_connection(ConnectionId=connection_id, Data=b"x"),
            lambda: api.get_connection(ConnectionId=connection_id),
            lambda: api.delete_connection(ConnectionId=connection_id),
        ):
            with pytest.raises(api.exceptions.GoneException) as caught:
                call()
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    front.functions.wait("disconnect")


def test_boto3_learns_of_what_is_wrong(front: Any) -> None:
    api = _management(front)
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId="nobody=", Data=b"x")
    with _client(front) as (_, connection_id):
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            api.post_to_connection(ConnectionId=connection_id, Data=b"x" * (128 * 1024 + 1))
        with pytest.raises(api.exceptions.GoneException):
            _management(front, "/elsewhere").get_connection(ConnectionId=connection_id)


def test_a_connection_is_gone_until_its_connect_function_agreed(front: Any) -> None:
    api, codes = _management(front), list[str]()

    def early(event: Any) -> Any:
        try:
            api.post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=b"x")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
        return {"statusCode": 200}

    front.functions.handlers["connect"] = early
    with _client(front):
        assert codes == ["GoneException"]


def test_a_function_may_post_while_it_handles_a_message(front: Any) -> None:
    api = _management(front)

    def progress(event: Any) -> Any:
        for step in ("one", "two"):
            api.post_to_connection(
                ConnectionId=event["requestContext"]["connectionId"], Data=step.encode()
            )
        return {"statusCode": 200, "body": "three"}

    front.functions.handlers["watch"] = progress
    with _client(front) as (client, _):
        client.send('{"action":"watch"}')
        assert [client.recv(timeout=5) for _ in range(3)] == ["one", "two", "three"]


def test_a_client_that_does_not_read_blocks_nobody(front: Any) -> None:
    api = front.websocket.management
    with _client(front) as (reader, reading), _stuck_client(front) as stuck:
        status = 200
        sent = 0
        while status == 200 and sent < 1000:
            path = f"/live/@connections/{stuck}"
            status, headers, _ = api.handle("POST", path, {}, {}, b"x" * 100_000)
            sent += 1
            time.sleep(0.001)
        assert (status, headers["x-amzn-ErrorType"]) == (429, "LimitExceededException")
        # Kernel buffers take a few MB; ours never holds more than one.
        assert sent < 300
        began = time.monotonic()
        for number in range(50):
            path = f"/live/@connections/{reading}"
            assert api.handle("POST", path, {}, {}, str(number).encode())[0] == 200
            assert reader.recv(timeout=5) == str(number)
        assert time.monotonic() - began < 3


@contextlib.contextmanager
def _stuck_client(front: Any) -> Iterator[str]:
    """A client that shakes hands and then never reads; its connection id."""
    known = len(front.functions.of("connect"))
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        client.sendall(
            b"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        client.recv(12)
        event = front.functions.wait("connect", known + 1)[-1]
        yield event["requestContext"]["connectionId"]


def test_a_client_that_vanishes(front: Any) -> None:
    with _stuck_client(front) as connection_id:
        pass
    (left,) = front.functions.wait("disconnect")
    assert left["requestContext"]["connectionId"] == connection_id
    assert left["requestContext"]["disconnectStatusCode"] in (1005, 1006)
    path = f"/@connections/{connection_id}"
    assert front.websocket.management.handle("GET", path, {}, {}, b"")[0] == 410


def test_many_threads_post_to_many_clients(front: Any) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_client(front)) for _ in range(10)]
        barrier = threading.Barrier(4)

        def post(worker: int) -> None:
            barrier.wait()
            for number in range(20):
                for _, connection_id in clients:
                    path = f"/live/@connections/{connection_id}"
                    front.websocket.management.handle(
                        "POST", path, {}, {}, f"{worker} {number}".encode()
                    )

        threads = [threading.Thread(target=post, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for client, _ in clients:
            got = [str(client.recv(timeout=5)).split() for _ in range(80)]
            for worker in range(4):
                numbers = [int(n) for who, n in got if int(who) == worker]
                assert numbers == list(range(20))
        for thread in threads:
            thread.join(5)
