"""The one address of the emulated cloud: finds out what a request is for and hands it there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from redress_local.emulated.gateway.asgi import (
    App,
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    send_answer,
)
from redress_local.emulated.gateway.calls import CallLog
from redress_local.emulated.gateway.errors import aws_error, plain_error
from redress_local.emulated.gateway.hosts import AllowedHosts
from redress_local.emulated.gateway.operations import acts
from redress_local.emulated.gateway.pages import OwnPages
from redress_local.emulated.gateway.proxy import Proxy, UpstreamError
from redress_local.emulated.gateway.routing import Call, aws_call

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
THREADS_PER_SERVICE = 512
"""Threads are made when they are needed; a synchronous invocation holds one while it runs."""

_TOKEN_PATH = "/oauth2/token"  # noqa: S105 - the issuer's, as its discovery document names it

T = TypeVar("T")


class JsonAnswer(Protocol):
    """An HTTP answer of a JSON service."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, without a length."""
        ...


class JsonHandler(Protocol):
    """A service of the AWS JSON protocols; may block."""

    def handle(self, target: str, body: bytes) -> JsonAnswer:
        """Answer the operation that the `X-Amz-Target` header names."""
        ...


class RestHandler(Protocol):
    """A service of the REST protocols; may block."""

    def handle(
        self, method: str, path: str, query: Any, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer a request: path decoded, query as sent (text), names of headers in lower case."""
        ...


@dataclass
class Routes:
    """Where requests go; may be filled while the gateway already serves.

    Attributes:
        json: AWS services by signing name that speak AWS JSON: states, events.
        rest: AWS services by signing name that speak REST: lambda, execute-api.
        asgi: AWS services by signing name that are ASGI applications: bedrock.
        pages: Applications under `/_redress/<name>`, beside the gateway's own pages.
        well_known: What serves `/.well-known/`, also a pool's, and `/oauth2/token`: the issuer.
        http: What serves every request that is for none of these.
        serves: Tells whether `http` has a route of its own for a method and a path: it comes before
            the issuer, and takes calls that are signed for it.
        websocket: What serves WebSockets.
    """

    json: dict[str, JsonHandler] = field(default_factory=dict)
    rest: dict[str, RestHandler] = field(default_factory=dict)
    asgi: dict[str, App] = field(default_factory=dict)
    pages: dict[str, App] = field(default_factory=dict)
    well_known: App | None = None
    http: App | None = None
    serves: Callable[[str, str], bool] = lambda _method, _path: False
    websocket: App | None = None


class Gateway:
    """An ASGI application; see `Routes` for where it sends what.

    A request signed for an AWS service goes to ours of that name or to moto. Each of our blocking
    services has a thread pool of its own, so that one that waits starves no other.

    Args:
        routes: Where requests go.
        moto_url: Serves the AWS services that are not ours; None: there are no others.
        calls: Counts the AWS calls.
        allowed_hosts: Names of this machine besides the loopback ones.
        ready: Tells whether everything is there, for the health page.
        max_body_bytes: The longest body of an AWS call.
    """

    def __init__(
        self,
        routes: Routes,
        *,
        moto_url: str | None = None,
        calls: CallLog | None = None,
        allowed_hosts: Iterable[str] = (),
        ready: Callable[[], bool] = lambda: True,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.routes = routes
        self.calls = calls or CallLog()
        self._proxy = Proxy(moto_url) if moto_url else None
        self._hosts = AllowedHosts(allowed_hosts)
        self._pages = OwnPages(self, ready)
        self._limit = max_body_bytes
        self._pools: dict[str, ThreadPoolExecutor] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, WebSocket or lifespan."""
        kind = scope["type"]
        if kind == "http":
            # The server cancels what still runs when it stops: nobody waits for an answer then.
            with contextlib.suppress(asyncio.CancelledError):
                await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._called_by_name(scope):
            await send_answer(send, *plain_error(403, _FOREIGN_HOST))
            return
        call = aws_call(scope)
        path: str = scope["path"]
        local = path.startswith("/_redress/")
        if (call or local) and not self._same_site(scope):
            await send_answer(send, *plain_error(403, _FOREIGN_SITE))
        elif local:
            name = path.split("/", 3)[2]
            await self.routes.pages.get(name, self._pages)(scope, receive, send)
        elif (call is None or call.service == "execute-api") and self.routes.serves(
            scope["method"], path
        ):
            await self._app(self.routes.http, "HTTP API", scope, receive, send)
        elif call:
            await self._aws(call, scope, receive, send)
        elif "/.well-known/" in path or path == _TOKEN_PATH:
            await self._app(self.routes.well_known, "issuer", scope, receive, send)
        else:
            await self._app(self.routes.http, "HTTP API", scope, receive, send)

    async def _app(
        self, app: App | None, what: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if app is None:
            text = f"no {what} is served here, and the request is not signed for an AWS service"
            await send_answer(send, *plain_error(404, text))
            return
        await app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.routes.websocket is None or not self._called_by_name(scope):
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
            return
        await self.routes.websocket(scope, receive, send)

    async def _aws(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        service, routes = call.service, self.routes
        app = routes.asgi.get(service)
        if app is not None and (service != "bedrock" or scope["path"].startswith("/model/")):
            self._record(call, scope, b"")
            await app(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive, self._limit)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            text = f"the request is longer than {self._limit} bytes"
            answer = aws_error(service, 413, "RequestEntityTooLargeException", text)
            # The rest of the body is not read, so nothing more can come over this connection.
            answer = (answer[0], {**answer[1], "Connection": "close"}, answer[2])
            await send_answer(send, *answer)
            return
        self._record(call, scope, body)
        status: int
        headers: Any
        try:
            if service in routes.json:
                handle = routes.json[service].handle
                status, data, headers = await self._json(service, handle, call.target, body)
            elif service in routes.rest:
                status, headers, data = await self._in_thread(
                    service,
                    lambda: routes.rest[service].handle(
                        scope["method"],
                        scope["path"],
                        scope["query_string"].decode("latin-1"),
                        _headers(scope),
                        body,
                    ),
                )
            elif self._proxy is not None:
                status, headers, data = await self._proxy.forward(scope, body)
            else:
                text = f"the local cloud has no service {service!r:.60}"
                status, headers, data = aws_error(service, 404, "UnknownService", text)
        except UpstreamError as error:
            text = f"the server behind the gateway does not answer: {error}"
            status, headers, data = aws_error(service, 503, "ServiceUnavailable", text)
        except Exception:  # noqa: BLE001 - see below
            # The boundary to the network: a fault of a service is an answer too, and is logged.
            _log.exception("a call of %s failed", service)
            text = "the service failed in the local cloud; its log says why"
            status, headers, data = aws_error(service, 500, "InternalFailure", text)
        await send_answer(send, status, headers, data)

    async def _json(
        self, service: str, handle: Callable[[str, bytes], JsonAnswer], target: str, body: bytes
    ) -> tuple[int, bytes, Mapping[str, str]]:
        answer = await self._in_thread(service, lambda: handle(target, body))
        return answer.status, answer.body, answer.headers

    async def _in_thread(self, service: str, work: Callable[[], T]) -> T:
        pool = self._pools.get(service)
        if pool is None:
            pool = ThreadPoolExecutor(THREADS_PER_SERVICE, thread_name_prefix=f"{service}-api")
            self._pools[service] = pool
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _record(self, call: Call, scope: Scope, body: bytes) -> None:
        for operation, resources in acts(
            call.service, scope["method"], scope["path"], scope["query_string"], call.target, body
        ):
            self.calls.record(call.access_key_id, call.service, operation, resources)

    def _called_by_name(self, scope: Scope) -> bool:
        """Tell whether every Host header names this machine, and there is one."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        return bool(hosts) and all(self._hosts.allow(host) for host in hosts)

    def _same_site(self, scope: Scope) -> bool:
        """Tell whether no foreign web page sends this: signatures are not verified here."""
        if header(scope, b"sec-fetch-site") == "cross-site":
            return False
        origin = header(scope, b"origin")
        if origin is None:
            return True
        return self._hosts.allow(origin.partition("://")[2].encode("latin-1"))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._proxy is not None:
                    await self._proxy.close()
                for pool in self._pools.values():
                    pool.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def services(self) -> dict[str, str]:
        """Return which AWS services are ours, and what serves all others."""
        ours = {*self.routes.json, *self.routes.rest, *self.routes.asgi}
        found = dict.fromkeys(sorted(ours), "redress")
        return {**found, "*": "moto"} if self._proxy is not None else found


_FOREIGN_HOST = "the Host header is no name of this machine; use http://127.0.0.1"
_FOREIGN_SITE = "web pages of other sites may not call this"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
