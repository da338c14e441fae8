"""The events that a WebSocket API's routes give to their functions, and how a route is chosen."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from redress_local.front.connections import Close, Connection
from redress_local.front.models import Stage, UnsupportedApiError, WebSocketApi
from redress_local.front.requests import HttpRequest, clf_time, request_id

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
EVENT_TYPES = {CONNECT: "CONNECT", DISCONNECT: "DISCONNECT"}
_SELECTION = re.compile(
    r"\$request\.body((?:\.[A-Za-z0-9_-]+)+)|\$\{request\.body((?:\.[A-Za-z0-9_-]+)+)\}"
)
_SPECIAL = {"websocket": "WebSocket"}


class RouteSelection:
    """A route selection expression: a path into the message's JSON.

    Raises:
        UnsupportedApiError: It is another expression.
    """

    def __init__(self, api: WebSocketApi) -> None:
        found = _SELECTION.fullmatch(api.route_selection_expression.strip())
        if found is None:
            raise UnsupportedApiError(
                f"{api.name}: the route selection expression "
                f"{api.route_selection_expression!r} is not served here"
            )
        self._path = (found.group(1) or found.group(2))[1:].split(".")
        self._keys = {route.route_key for route in api.routes}

    def choose(self, text: str | None) -> str | None:
        """The route key for a message; None where no route takes it.

        Args:
            text: The message, None for a binary one.
        """
        key = self._selected(text)
        if key in self._keys and key not in (CONNECT, DISCONNECT):
            return key
        return DEFAULT if DEFAULT in self._keys else None

    def _selected(self, text: str | None) -> str | None:
        try:
            value: Any = msgspec.json.decode(text) if text is not None else None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        for name in self._path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return None
        return str(value)


def websocket_event(
    api: WebSocketApi,
    stage: Stage,
    connection: Connection,
    route_key: str,
    *,
    now: float,
    number: str,
    request: HttpRequest | None = None,
    data: str | bytes | None = None,
    closed: Close | None = None,
) -> bytes:
    """An event as JSON.

    Args:
        api: The API.
        stage: The connection's stage.
        connection: Who sent it.
        route_key: The chosen route.
        now: Seconds since the epoch.
        number: The request's id.
        request: The handshake, for `$connect` and `$disconnect`.
        data: The message.
        closed: How it ended, for `$disconnect`.
    """
    context: dict[str, Any] = {
        "routeKey": route_key,
        "eventType": EVENT_TYPES.get(route_key, "MESSAGE"),
        "extendedRequestId": request_id(),
        "requestTime": clf_time(now),
        "messageDirection": "IN",
        "stage": stage.name,
        "connectedAt": int(connection.connected_at * 1000),
        "requestTimeEpoch": int(now * 1000),
        "identity": {
            "sourceIp": connection.source_ip,
            "userAgent": connection.user_agent or None,
        },
        "requestId": number,
        "domainName": api.domain_name,
        "connectionId": connection.connection_id,
        "apiId": api.api_id,
    }
    event: dict[str, Any] = {"requestContext": context, "isBase64Encoded": False}
    if request is not None:
        event |= _handshake(request) if closed is None else _farewell(request)
    if closed is not None:
        context["disconnectStatusCode"] = closed.code
        context["disconnectReason"] = closed.reason
    if data is not None:
        context["messageId"] = request_id()
        event |= _message(data)
    if stage.variables:
        event["stageVariables"] = dict(stage.variables)
    return msgspec.json.encode(event)


def _handshake(request: HttpRequest) -> dict[str, Any]:
    pairs = [(_cased(name), value) for name, value in request.header_list]
    pairs.append(("X-Forwarded-For", request.source_ip))
    found: dict[str, Any] = {"headers": dict(pairs), "multiValueHeaders": _multiple(pairs)}
    if request.query:
        # The last of equal names counts in the single-value form.
        found["queryStringParameters"] = dict(request.query)
        found["multiValueQueryStringParameters"] = _multiple(request.query)
    return found


def _farewell(request: HttpRequest) -> dict[str, Any]:
    """What `$disconnect` gets: none of the client's own headers, which may hold secrets."""
    pairs = [("Host", request.headers.get("host", "")), ("x-api-key", "")]
    pairs += [("X-Forwarded-For", ""), ("x-restapi", "")]
    return {"headers": dict(pairs), "multiValueHeaders": _multiple(pairs)}


def _message(data: str | bytes) -> Mapping[str, Any]:
    if isinstance(data, str):
        return {"body": data}
    return {"body": base64.b64encode(data).decode("ascii"), "isBase64Encoded": True}


def _multiple(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _cased(name: str) -> str:
    """A header's name as clients write it: ASGI gives lower case only."""
    return "-".join(_SPECIAL.get(part, part.capitalize()) for part in name.split("-"))
