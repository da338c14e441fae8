"""Serves WebSocket APIs as API Gateway v2 does: routes by message, one function call at a time."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from redress_local.front.access_log import WriteLog
from redress_local.front.connections import (
    MAX_FRAME,
    MAX_MESSAGE,
    Close,
    Connection,
    Connections,
)
from redress_local.front.http_answers import (
    HttpAnswer,
    MalformedAnswerError,
    message,
    read_answer,
)
from redress_local.front.invoker import (
    InvocationError,
    Invoke,
    Invoker,
)
from redress_local.front.management import ManagementApi
from redress_local.front.models import Stage, WebSocketApi, WebSocketRoute
from redress_local.front.requests import BadRequestError, HttpRequest, read, request_id
from redress_local.front.routes import websocket_routes
from redress_local.front.throttle import StageThrottle
from redress_local.front.websocket_answers import (
    failure,
    log_access,
    object_with_status,
    refuse,
    reply_of,
    why,
)
from redress_local.front.websocket_events import (
    CONNECT,
    DISCONNECT,
    RouteSelection,
    websocket_event,
)
from redress_local.front.websocket_session import Session

_log = logging.getLogger(__name__)

SERVER_OPTIONS: Mapping[str, Any] = {
    "ws": "websockets-sansio",
    # Messages of 128 KB in frames of 32 KB, as in AWS; longer ones close with 1009.
    "ws_max_size": (MAX_MESSAGE, MAX_FRAME),
    # API Gateway does not ping: an idle connection ends after 10 minutes.
    "ws_ping_interval": None,
    "ws_per_message_deflate": False,
}
"""Keyword arguments for `uvicorn.Config`, so that the server holds AWS's limits."""

_SWEEP_SECONDS = 1.0
_MAX_HEADERS = 10_240


class _Served(NamedTuple):
    api: WebSocketApi
    stage: Stage
    routes: Mapping[str, WebSocketRoute]
    selection: RouteSelection
    throttle: StageThrottle


class WebSocketFront:
    """An ASGI app for `websocket` scopes, and the @connections API of what it serves.

    Attributes:
        management: Its `handle` answers the calls of service execute-api; from any thread.

    Args:
        apis: What to serve, each stage at `/{stage}`.
        invoke: Calls a function; blocking, run in threads of its own.
        throttled: What `invoke` raises when Lambda throttles the function.
        access_log: Gets the lines of stages with access logs.
        clock: Seconds since the epoch; also what ends idle and old connections.
        monotonic: Seconds for throttling.

    Raises:
        UnsupportedApiError: An API asks for an authorizer or an expression that is not served.
    """

    def __init__(
        self,
        apis: Sequence[WebSocketApi],
        invoke: Invoke,
        *,
        throttled: tuple[type[Exception], ...] = (),
        access_log: WriteLog | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._access_log = access_log
        self._connections = Connections()
        self._watcher: asyncio.Task[None] | None = None
        self._served: list[_Served] = []
        for api in apis:
            selection = RouteSelection(api)
            routes = websocket_routes(api)
            self._served += [
                _Served(api, stage, routes, selection, StageThrottle(stage, monotonic))
                for stage in api.stages
            ]
        self._invoker = Invoker(invoke, throttled=throttled)
        self.management = ManagementApi(self._connections, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        if scope["type"] != "websocket" or (await receive())["type"] != "websocket.connect":
            return
        try:
            request = read(scope)
        except BadRequestError:
            await refuse(send, message(400, "Bad Request"))
            return
        served = self._find(request)
        if request.size > _MAX_HEADERS:
            await refuse(send, message(431, "Request Header Fields Too Large"))
        elif served is None:
            await refuse(send, message(403, "Forbidden"))
        else:
            connection = Connection(
                connection_id=request_id(),
                api_id=served.api.api_id,
                stage=served.stage.name,
                now=self._clock(),
                source_ip=request.source_ip,
                user_agent=request.headers.get("user-agent", ""),
                loop=asyncio.get_running_loop(),
            )
            await self._connect(served, connection, request, scope, receive, send)

    def _find(self, request: HttpRequest) -> _Served | None:
        host = request.headers.get("host", "").partition(".")[0]
        named = [served for served in self._served if served.api.api_id == host]
        path = request.path.rstrip("/")
        if path == "" and len(self._served) == 1:
            return self._served[0]
        for served in named or self._served:
            if path == f"/{served.stage.name}":
                return served
        return None

    async def _connect(
        self,
        served: _Served,
        connection: Connection,
        request: HttpRequest,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        answer = await self._ask(served, connection, request)
        self._log(served, connection, CONNECT, answer.status)
        if not 200 <= answer.status < 300:
            await refuse(send, answer)
            return
        chosen = dict(answer.headers).get("sec-websocket-protocol")
        accept: dict[str, Any] = {"type": "websocket.accept"}
        if chosen in scope.get("subprotocols", ()):
            accept["subprotocol"] = chosen
        # Before the client knows that it is connected: what follows may post to it at once.
        self._connections.add(connection)
        closed = Close(1006, "")
        try:
            await send(accept)
            self._watch()
            handle = functools.partial(self._handle, served, connection)
            closed = await Session(connection, handle, self._clock).run(receive, send)
        except OSError:
            pass  # The client went away while it was being connected.
        finally:
            connection.end()
            self._connections.remove(connection)
        await self._disconnect(served, connection, request, closed)

    async def _ask(
        self, served: _Served, connection: Connection, request: HttpRequest
    ) -> HttpAnswer:
        """What `$connect` says; without that route everybody is let in."""
        route = served.routes.get(CONNECT)
        number = request_id()
        if not served.throttle.take(CONNECT):
            return failure(429, "Too Many Requests", connection, number)
        if route is None:
            return HttpAnswer(200, [], b"")
        event = websocket_event(
            served.api,
            served.stage,
            connection,
            CONNECT,
            now=self._clock(),
            number=number,
            request=request,
        )
        try:
            payload = await self._invoker.call(route.function_arn, event, route.timeout_ms)
            object_with_status(payload)
            return read_answer(payload)
        except (InvocationError, MalformedAnswerError) as error:
            return failure(*why(error, 502), connection, number)

    async def _handle(
        self, served: _Served, connection: Connection, data: str | bytes
    ) -> bytes | None:
        """Call the message's route; returns what goes back to the client, if anything."""
        key = served.selection.choose(data if isinstance(data, str) else None)
        number = request_id()
        if key is None:
            return failure(403, "Forbidden", connection, number).body
        if not served.throttle.take(key):
            return failure(429, "Too Many Requests", connection, number).body
        route = served.routes[key]
        event = websocket_event(
            served.api,
            served.stage,
            connection,
            key,
            now=self._clock(),
            number=number,
            data=data,
        )
        status, reply = 200, None
        try:
            payload = await self._invoker.call(route.function_arn, event, route.timeout_ms)
            if route.answers:
                reply = reply_of(payload)
        except (InvocationError, MalformedAnswerError) as error:
            status, text = why(error, 500)
            reply = failure(status, text, connection, number).body
        self._log(served, connection, key, status)
        return reply

    async def _disconnect(
        self, served: _Served, connection: Connection, request: HttpRequest, closed: Close
    ) -> None:
        route = served.routes.get(DISCONNECT)
        if route is None:
            return
        event = websocket_event(
            served.api,
            served.stage,
            connection,
            DISCONNECT,
            now=self._clock(),
            number=request_id(),
            request=request,
            closed=closed,
        )
        try:
            await self._invoker.call(route.function_arn, event, route.timeout_ms)
            self._log(served, connection, DISCONNECT, 200)
        except InvocationError as error:
            # Nobody is left to tell: AWS gives no promise that $disconnect succeeds.
            _log.debug("$disconnect of %s failed: %s", connection.connection_id, error)
            self._log(served, connection, DISCONNECT, 500)

    def _log(self, served: _Served, connection: Connection, key: str, status: int) -> None:
        log_access(
            self._access_log, served.api, served.stage, connection, self._clock(), key, status
        )

    def sweep(self) -> None:
        """Close what was idle for 10 minutes or is 2 hours old."""
        now = self._clock()
        for connection in self._connections.all():
            overdue = connection.overdue(now)
            if overdue is not None:
                connection.close(overdue)

    def _watch(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._sweep_while_open())

    async def _sweep_while_open(self) -> None:
        while self._connections.all():
            await asyncio.sleep(_SWEEP_SECONDS)
            self.sweep()

    def close(self) -> None:
        """Close every connection and stop invoking; from any thread."""
        for connection in self._connections.all():
            connection.close(Close(1001, "Going away"))
        self._invoker.close()
