"""The @connections API: post to, look at and close WebSocket connections.

REST as boto3's `apigatewaymanagementapi` client speaks it, below the root or a stage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from redress_local.front.connections import (
    MAX_MESSAGE,
    Close,
    Connection,
    Connections,
    FullError,
    GoneError,
)
from redress_local.front.requests import request_id

_PATH = re.compile(r"(?:/(?P<stage>[A-Za-z0-9_-]+))?/@connections/(?P<id>[^/]+)/?")

RestAnswer = tuple[int, dict[str, str], bytes]


class ManagementApi:
    """Answers the calls; from any thread, also from the event loop's own: it never waits.

    Args:
        connections: The open connections.
        clock: Seconds since the epoch.
    """

    def __init__(self, connections: Connections, clock: Callable[[], float]) -> None:
        self._connections = connections
        self._clock = clock

    def handle(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],  # noqa: ARG002 - the seam of all REST services here
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,
    ) -> RestAnswer:
        """Answer one call.

        Args:
            method: POST, GET or DELETE.
            path: `/@connections/{id}` or `/{stage}/@connections/{id}`, decoded or not.
            query: Not used.
            headers: Not used.
            body: For POST, what is to be sent.

        Returns:
            Status, headers and body.
        """
        found = _PATH.fullmatch(unquote(path))
        if found is None:
            return _error(403, "ForbiddenException", "Forbidden")
        try:
            connection = self._connections.get(found["id"], found["stage"])
            match method:
                case "POST":
                    return self._post(connection, body)
                case "GET":
                    return _answer(200, _described(connection))
                case "DELETE":
                    connection.close(Close(1000, "Connection Closed Normally"))
                    self._connections.remove(connection)
                    return _answer(204)
        except GoneError:
            return _error(410, "GoneException", "")
        return _error(403, "ForbiddenException", "Forbidden")

    def _post(self, connection: Connection, body: bytes) -> RestAnswer:
        if len(body) > MAX_MESSAGE:
            return _error(413, "PayloadTooLargeException", "Message too long")
        try:
            connection.post(body, self._clock())
        except FullError:
            return _error(429, "LimitExceededException", "The client reads too slowly")
        return _answer(200)


def _described(connection: Connection) -> dict[str, Any]:
    return {
        "connectedAt": _iso(connection.connected_at),
        "identity": {"sourceIp": connection.source_ip, "userAgent": connection.user_agent},
        "lastActiveAt": _iso(connection.active_at),
    }


def _iso(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _answer(status: int, value: Mapping[str, Any] | None = None) -> RestAnswer:
    headers = {"x-amzn-RequestId": request_id()}
    if value is None:
        return status, headers, b""
    headers["Content-Type"] = "application/json"
    return status, headers, msgspec.json.encode(value)


def _error(status: int, code: str, message: str) -> RestAnswer:
    answered, headers, body = _answer(status, {"message": message or None})
    headers["x-amzn-ErrorType"] = code
    return answered, headers, body
