"""A real server on a port of its own, with functions that are Python callables."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from redress_local.emulated.gateway.server import serve
from redress_local.front.http_front import HttpFront
from redress_local.front.issuer import Client, Issuer, UserPool
from redress_local.front.issuer_app import issuer_app
from redress_local.front.models import (
    AccessLog,
    Cors,
    HttpApi,
    HttpRoute,
    JwtAuthorizer,
    Stage,
    Throttle,
    WebSocketApi,
    WebSocketRoute,
)
from redress_local.front.token_endpoint import token_app
from redress_local.front.websocket_front import WebSocketFront
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
IDENTITY: dict[str, Any] = {"account": "000000000000", "region": "us-east-1"}
POOL = UserPool(
    pool_id="us-east-1_Local0001",
    region="us-east-1",
    clients=(
        Client(client_id="web-client", name="web", scopes=("redress/read", "redress/write")),
        Client(client_id="job-client", name="job", secret="s3cret", scopes=("redress/read",)),
    ),
    scopes=("redress/read", "redress/write"),
)


class ThrottledError(Exception):
    """What the Lambda service raises."""


@dataclass
class Answered:
    payload: bytes
    function_error: str | None = None


@dataclass
class Functions:
    """Functions by name, and the events that they got."""

    handlers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    events: list[tuple[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    former: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Forget all, also what is still to come of the connections so far."""
        with self.changed:
            self.former |= {_connection(event) for _, event in self.events} - {""}
            self.handlers.clear()
            self.events.clear()

    def invoke(self, arn: str, payload: bytes) -> Answered:
        name = arn.removeprefix(ARN)
        event = json.loads(payload)
        with self.changed:
            if _connection(event) not in self.former:
                self.events.append((name, event))
            self.changed.notify_all()
        handler = self.handlers.get(name, lambda event: {"statusCode": 200, "body": "ok"})
        try:
            result = handler(event)
        except ThrottledError:
            raise
        except Exception as error:  # noqa: BLE001 - what a runtime does with any error
            failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return Answered(json.dumps(failure).encode(), "Unhandled")
        return Answered(result if isinstance(result, bytes) else json.dumps(result).encode())

    def of(self, name: str) -> list[Any]:
        with self.changed:
            return [event for called, event in self.events if called == name]

    def wait(self, name: str, count: int = 1) -> list[Any]:
        with self.changed:
            assert self.changed.wait_for(
                lambda: sum(called == name for called, _ in self.events) >= count, 10
            ), f"{name} was not called"
        return self.of(name)


def _connection(event: Any) -> str:
    found: str = event.get("requestContext", {}).get("connectionId", "")
    return found


class Clock:
    """Real time plus what a test adds."""

    def __init__(self) -> None:
        self.added = 0.0

    def __call__(self) -> float:
        return time.time() + self.added


@dataclass
class Front:
    port: int
    functions: Functions
    issuer: Issuer
    http: HttpFront
    websocket: WebSocketFront
    clock: Clock
    lines: list[tuple[str, str]]
    throttled: type[Exception] = ThrottledError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live"


def http_api() -> HttpApi:
    authorizer = JwtAuthorizer(name="Customers", issuer=POOL.issuer, audience=("web-client",))

    def route(key: str, function: str, **fields: Any) -> HttpRoute:
        return HttpRoute(route_key=key, function_arn=ARN + function, **fields)

    def guarded(key: str, function: str, *scopes: str) -> HttpRoute:
        return route(key, function, authorization_type="JWT", authorizer=authorizer, scopes=scopes)

    return HttpApi(
        **IDENTITY,
        api_id="httpapi1",
        name="Http",
        routes=(
            route("GET /echo", "echo"),
            route("ANY /any", "any"),
            route("GET /pets/dog/1", "exact"),
            route("GET /pets/dog/{id}", "param"),
            route("GET /pets/{proxy+}", "greedy"),
            route("POST /fast", "slow", timeout_ms=100),
            route("GET /limited", "limited"),
            route("POST /upload", "upload"),
            guarded("GET /cases/{case_id}", "show", "redress/read", "redress/admin"),
            guarded("POST /cases", "open", "redress/write"),
            guarded("GET /me", "me"),
        ),
        stages=(
            Stage(
                variables={"colour": "blue"},
                route_throttles={"GET /limited": Throttle(rate=0.001, burst=3)},
                access_log=AccessLog(
                    destination_arn="arn:aws:logs:log-group:api",
                    format='{"id":"$context.requestId","route":"$context.routeKey",'
                    '"status":"$context.status","path":"$context.path","no":"$context.nothing"}',
                ),
            ),
        ),
        cors=Cors(
            allow_origins=("https://shop.example",),
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
            expose_headers=("x-total",),
            max_age=600,
        ),
    )


def websocket_api() -> WebSocketApi:
    def route(key: str, function: str, **fields: Any) -> WebSocketRoute:
        return WebSocketRoute(route_key=key, function_arn=ARN + function, **fields)

    return WebSocketApi(
        **IDENTITY,
        api_id="wsapi1",
        name="Live",
        routes=(
            route("$connect", "connect"),
            route("$disconnect", "disconnect"),
            route("watch", "watch", answers=True),
            route("quiet", "quiet"),
            route("fast", "fast", timeout_ms=100),
            route("$default", "other", answers=True),
        ),
        stages=(Stage(name="live"),),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Front]:
    functions, clock, lines = Functions(), Clock(), list[tuple[str, str]]()
    issuer = Issuer()
    issuer.register(POOL)
    options: dict[str, Any] = {"throttled": (ThrottledError,), "clock": clock}
    http = HttpFront(
        [http_api()],
        functions.invoke,
        issuer,
        access_log=lambda arn, line: lines.append((arn, line)),
        **options,
    )
    websocket = WebSocketFront([websocket_api()], functions.invoke, **options)
    discovery, tokens = issuer_app(issuer), token_app(issuer)

    async def connections(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        status, headers, body = await run_in_threadpool(
            websocket.management.handle,
            request.method,
            scope["raw_path"].decode(),
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
        )
        await Response(body, status, headers)(scope, receive, send)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] == "websocket":
            await websocket(scope, receive, send)
        elif "/@connections/" in path:
            await connections(scope, receive, send)
        elif path == "/_redress/token":
            await tokens(scope, receive, send)
        elif "/.well-known/" in path or path == "/oauth2/token":
            await discovery(scope, receive, send)
        else:
            await http(scope, receive, send)

    with serve(app) as running:
        yield Front(running.port, functions, issuer, http, websocket, clock, lines)
        http.close()
        websocket.close()


@pytest.fixture
def front(server: Front) -> Iterator[Front]:
    server.functions.begin()
    server.lines.clear()
    server.clock.added = 0.0
    yield server
    server.clock.added = 0.0
