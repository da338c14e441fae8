"""A WSGI application under ASGI, one call at a time."""

import asyncio
import json
from typing import Any

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from redress_local.emulated.moto.wsgi import SerialWsgi, environ_of


def scope(*headers: tuple[str, str], method: str = "POST", **fields: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": "/b/ü k",
        "raw_path": b"/b/%C3%BC%20k",
        "query_string": b"a=%20b",
        "server": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        **fields,
    }


def call(app: SerialWsgi, asked: dict[str, Any], *parts: bytes) -> tuple[dict[str, Any], bytes]:
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        incoming = [
            {"type": "http.request", "body": part, "more_body": place < len(parts) - 1}
            for place, part in enumerate(parts)
        ] or [{"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await app(asked, receive, send)

    asyncio.run(run())
    return (sent[0], sent[1]["body"]) if sent else ({}, b"")


def test_the_environment() -> None:
    environ = environ_of(scope(("host", "h:1"), ("x-a", "1"), ("x-a", "2"), ("content-type", "t")))
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/b/ü k"
    assert environ["RAW_URI"] == "/b/%C3%BC%20k?a=%20b"
    assert environ["QUERY_STRING"] == "a=%20b"
    assert (environ["HTTP_HOST"], environ["HTTP_X_A"]) == ("h:1", "1,2")
    assert environ["CONTENT_TYPE"] == "t"


def test_names_with_underscores_stand_in_for_no_others() -> None:
    forged = environ_of(scope(("x_amz_target", "forged"), ("x-amz-meta-a_b", "1")))
    assert "HTTP_X_AMZ_TARGET" not in forged
    assert forged["HTTP_X_AMZ_META_A_B"] == "1"
    names = {"HTTP_X_AMZ_META_A_B": "x-amz-meta-a_b"}
    assert forged[PRESERVED_HEADER_NAMES_ENVIRON_KEY] == names
    both = environ_of(scope(("x-amz-meta-a_b", "1"), ("x-amz-meta-a-b", "2")))
    assert both["HTTP_X_AMZ_META_A_B"] == "2"
    assert both[PRESERVED_HEADER_NAMES_ENVIRON_KEY] == {}


def test_a_body_in_parts_is_read_whole_and_the_answer_is_closed() -> None:
    closed = []

    class Answer(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start: Any) -> Answer:
        start("201 Created", [("X-Length", environ["CONTENT_LENGTH"])])
        return Answer([environ["wsgi.input"].read(), b"!"])

    head, body = call(SerialWsgi(app), scope(), b"ab", b"cd")
    assert (head["status"], head["headers"], body) == (201, [(b"x-length", b"4")], b"abcd!")
    assert closed == [True]


def test_a_client_that_leaves_starts_nothing() -> None:
    def app(environ: Any, start: Any) -> list[bytes]:
        raise AssertionError("not to be called")

    assert call(SerialWsgi(app), scope()) == ({}, b"")


def test_a_handler_that_fails_is_an_answer() -> None:
    def handler(request: Any, url: str, headers: Any) -> Any:
        raise KeyError("a bug of a backend")

    serial = SerialWsgi(lambda environ, start: [], {"DynamoDB_1": handler})
    head, body = call(serial, scope(("x-amz-target", "DynamoDB_1.Get")), b"{}")
    assert head["status"] == 500
    assert json.loads(body)["__type"] == "InternalFailure"
