"""Serves WebSocket APIs as API Gateway v2 does: routes by message, one function call at a time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from redress_local.front.access_log import WriteLog, write_access
from redress_local.front.connections import MAX_MESSAGE, Close, Connection, Connections, GoneError
from redress_local.front.connections import FullError as BufferFullError
from redress_local.front.http_answers import (
    HttpAnswer,
    MalformedAnswerError,
    message,
    read_answer,
)
from redress_local.front.invoker import (
    InvocationError,
    InvocationThrottledError,
    InvocationTimeoutError,
    Invoke,
    Invoker,
)
from redress_local.front.management import ManagementApi
from redress_local.front.models import Stage, UnsupportedApiError, WebSocketApi, WebSocketRoute
from redress_local.front.requests import BadRequestError, HttpRequest, clf_time, read, request_id
from redress_local.front.throttle import StageThrottle
from redress_local.front.websocket_events import (
    CONNECT,
    DISCONNECT,
    RouteSelection,
    websocket_event,
)

_log = logging.getLogger(__name__)

SERVER_OPTIONS: Mapping[str, Any] = {
    "ws": "websockets-sansio",
    # Messages of 128 KB in frames of 32 KB, as in AWS; longer ones close with 1009.
    "ws_max_size": (MAX_MESSAGE, 32 * 1024),
    # API Gateway does not ping: an idle connection ends after 10 minutes.
    "ws_ping_interval": None,
    "ws_per_message_deflate": False,
}
"""Keyword arguments for `uvicorn.Config`, so that the server holds AWS's limits."""

# Messages of one client that wait for its earlier ones; then the client is not read any more.
_WAITING = 16
_STALLED_SECONDS = 60.0
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
            routes = _routes(api)
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
            await _refuse(send, message(400, "Bad Request"))
            return
        served = self._find(request)
        if request.size > _MAX_HEADERS:
            await _refuse(send, message(431, "Request Header Fields Too Large"))
        elif served is None:
            await _refuse(send, message(403, "Forbidden"))
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
            await _refuse(send, answer)
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
            closed = await self._talk(served, connection, receive, send)
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
            return _failure(429, "Too Many Requests", connection, number)
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
            _object_with_status(payload)
            return read_answer(payload)
        except InvocationTimeoutError:
            return _failure(504, "Endpoint request timed out", connection, number)
        except InvocationThrottledError:
            return _failure(429, "Too Many Requests", connection, number)
        except (InvocationError, MalformedAnswerError):
            return _failure(502, "Internal server error", connection, number)

    async def _talk(
        self, served: _Served, connection: Connection, receive: Receive, send: Send
    ) -> Close:
        """Serve an open connection; returns how it ended."""
        inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(_WAITING)
        worker = asyncio.create_task(self._work(served, connection, inbox))
        reader = asyncio.create_task(self._read(connection, inbox, receive))
        writer = asyncio.create_task(_write(connection, send))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                # Ours to close: the client's last messages are still taken.
                await asyncio.wait({reader}, timeout=_SWEEP_SECONDS)
            closed = reader.result() if reader.done() else connection.closing
            connection.end()
            self._connections.remove(connection)
            reader.cancel()
            await inbox.put(None)
            await worker
        finally:
            for task in (reader, writer, worker):
                task.cancel()
        return connection.closing or closed or Close(1006, "")

    async def _read(
        self, connection: Connection, inbox: asyncio.Queue[str | bytes | None], receive: Receive
    ) -> Close:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return Close(event.get("code") or 1005, event.get("reason") or "")
            text = event.get("text")
            data: str | bytes = text if text is not None else event["bytes"]
            connection.active_at = self._clock()
            # A client that sends more characters than bytes are allowed needs no counting.
            size = len(data.encode()) if isinstance(data, str) else len(data)
            if size > MAX_MESSAGE:
                connection.close(Close(1009, "Message too long"))
            elif connection.closing is None:
                await inbox.put(data)

    async def _work(
        self, served: _Served, connection: Connection, inbox: asyncio.Queue[str | bytes | None]
    ) -> None:
        while (data := await inbox.get()) is not None:
            reply = await self._handle(served, connection, data)
            if reply is not None:
                with contextlib.suppress(GoneError, BufferFullError):
                    connection.post(reply, self._clock())

    async def _handle(
        self, served: _Served, connection: Connection, data: str | bytes
    ) -> bytes | None:
        """Call the message's route; returns what goes back to the client, if anything."""
        key = served.selection.choose(data if isinstance(data, str) else None)
        number = request_id()
        if key is None:
            return _failure(403, "Forbidden", connection, number).body
        if not served.throttle.take(key):
            return _failure(429, "Too Many Requests", connection, number).body
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
                reply = _reply(payload)
        except InvocationTimeoutError:
            status, text = 504, "Endpoint request timed out"
        except InvocationThrottledError:
            status, text = 429, "Too Many Requests"
        except (InvocationError, MalformedAnswerError):
            status, text = 500, "Internal server error"
        self._log(served, connection, key, status)
        return reply if status == 200 else _failure(status, text, connection, number).body

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
            _log.warning("$disconnect of %s failed: %s", connection.connection_id, error)
            self._log(served, connection, DISCONNECT, 500)

    def _log(self, served: _Served, connection: Connection, key: str, status: int) -> None:
        if served.stage.access_log is None:
            return
        now = self._clock()
        types = {CONNECT: "CONNECT", DISCONNECT: "DISCONNECT"}
        context: dict[str, object] = {
            "accountId": served.api.account,
            "apiId": served.api.api_id,
            "connectedAt": int(connection.connected_at * 1000),
            "connectionId": connection.connection_id,
            "domainName": served.api.domain_name,
            "eventType": types.get(key, "MESSAGE"),
            "identity.sourceIp": connection.source_ip,
            "identity.userAgent": connection.user_agent or None,
            "requestId": request_id(),
            "requestTime": clf_time(now),
            "requestTimeEpoch": int(now * 1000),
            "routeKey": key,
            "stage": served.stage.name,
            "status": status,
        }
        write_access(self._access_log, served.stage, context)

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


def _routes(api: WebSocketApi) -> dict[str, WebSocketRoute]:
    routes: dict[str, WebSocketRoute] = {}
    for route in api.routes:
        if route.authorization_type != "NONE":
            raise UnsupportedApiError(
                f"{api.name}: {route.route_key}: authorization {route.authorization_type} is not "
                "served here; let the $connect function decide"
            )
        if route.route_key in routes:
            raise UnsupportedApiError(f"{api.name}: the route {route.route_key} is given twice")
        routes[route.route_key] = route
    return routes


async def _write(connection: Connection, send: Send) -> None:
    """Send what is buffered, until the connection ends or the client stops reading."""
    with contextlib.suppress(OSError, TimeoutError):
        while (item := await connection.next()) is not None:
            async with asyncio.timeout(_STALLED_SECONDS):
                if isinstance(item, Close):
                    closing = {"code": item.code, "reason": item.reason}
                    await send({"type": "websocket.close", **closing})
                    return
                try:
                    await send({"type": "websocket.send", "text": item.decode("utf-8")})
                except UnicodeDecodeError:
                    await send({"type": "websocket.send", "bytes": item})


def _failure(status: int, text: str, connection: Connection, number: str) -> HttpAnswer:
    told = {"message": text, "connectionId": connection.connection_id, "requestId": number}
    headers = [("content-type", "application/json")]
    return HttpAnswer(status, headers, msgspec.json.encode(told))


def _object_with_status(payload: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswerError("not JSON") from error
    if not isinstance(value, dict) or "statusCode" not in value:
        raise MalformedAnswerError("there is no statusCode")
    return value


def _reply(payload: bytes) -> bytes | None:
    """The body of a function's answer, None where it has none."""
    value = _object_with_status(payload)
    body = value.get("body")
    if body is None:
        return None
    if not isinstance(body, str):
        raise MalformedAnswerError("body is no text")
    try:
        data = base64.b64decode(body, validate=True) if value.get("isBase64Encoded") else None
    except (binascii.Error, ValueError) as error:
        raise MalformedAnswerError("body is not base64") from error
    data = body.encode() if data is None else data
    if len(data) > MAX_MESSAGE:
        raise MalformedAnswerError("body is over 128 KB")
    return data


async def _refuse(send: Send, answer: HttpAnswer) -> None:
    """Answer the handshake with a status other than 101."""
    headers = [
        (name.encode("latin-1"), value.encode("utf-8"))
        for name, value in answer.headers
        if not name.startswith("sec-websocket-")
    ]
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    with contextlib.suppress(OSError):
        await send(start)
        await send({"type": "websocket.http.response.body", "body": answer.body})
