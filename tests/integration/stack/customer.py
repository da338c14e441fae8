"""A customer's program: HTTP and WebSocket at the gateway, and patience with a limit."""

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from redress_local.cli.main import run
from websockets.sync.client import ClientConnection, connect

SECONDS = 60.0


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Api:
    """The template's HTTP and WebSocket API on a running cloud."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self._host = urlsplit(cloud.url).netloc

    def token(self, sub: str | None, *arguments: str) -> str:
        """What `redress token` prints."""
        who = () if sub is None else ("--sub", sub)
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", self.cloud.url)
            code, out = captured(["token", *who, *arguments], printed)
        assert code == 0, out
        return out.strip()

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        **headers: str,
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        with self.connected() as connection:
            connection.request(method, path, data, sent)
            return reply(connection.getresponse())

    @contextlib.contextmanager
    def connected(self) -> Iterator[HTTPConnection]:
        connection = HTTPConnection(self._host, timeout=20)
        try:
            yield connection
        finally:
            connection.close()

    def open_case(self, token: str, case: Any, **headers: str) -> Reply:
        wanted = {"order_id": case.order_id, "statement": case.statement}
        return self.call("POST", "/cases", token, wanted, **headers)

    def ticket(self, token: str) -> str:
        answer = self.call("POST", "/tickets", token)
        assert answer.status == 201, answer
        return str(answer.body["ticket"])

    def listen(self, ticket: str | None) -> ClientConnection:
        query = "" if ticket is None else f"?ticket={ticket}"
        return connect(
            f"{self.cloud.stack.outputs['WebSocketUrl']}{query}", open_timeout=20, proxy=None
        )


def captured(words: list[str], into: io.StringIO) -> tuple[int, str]:
    """Run `redress` in this process; its exit code and what it wrote to stdout."""
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(into):
        code = run(words)
        text.flush()
    return code, raw.getvalue().decode()


def reply(response: HTTPResponse) -> Reply:
    data = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = json.loads(data) if "json" in headers.get("content-type", "") else data
    return Reply(response.status, headers, body)


def messages(socket: ClientConnection, last: str, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """What a client hears, until a message of the type `last`."""
    heard: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while not heard or heard[-1]["type"] != last:
        try:
            heard.append(json.loads(socket.recv(max(0.0, end - time.monotonic()))))
        except TimeoutError:
            raise AssertionError(f"no {last} after {seconds} s: {heard}") from None
    return heard


def until(found: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Ask again and again until there is an answer."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not after {seconds} s"
        time.sleep(0.05)
