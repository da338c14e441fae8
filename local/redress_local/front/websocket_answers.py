"""What goes back to a WebSocket client: refused handshakes, replies, errors; and the access log."""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Any

import msgspec
from starlette.types import Send

from redress_local.front.access_log import WriteLog, write_access
from redress_local.front.connections import MAX_MESSAGE, Connection
from redress_local.front.http_answers import HttpAnswer, MalformedAnswerError
from redress_local.front.invoker import (
    InvocationError,
    InvocationThrottledError,
    InvocationTimeoutError,
)
from redress_local.front.models import Stage, WebSocketApi
from redress_local.front.requests import clf_time, request_id
from redress_local.front.websocket_events import EVENT_TYPES


def failure(status: int, text: str, connection: Connection, number: str) -> HttpAnswer:
    """The gateway's own error, as a handshake's answer; its body is also what a client gets."""
    told = {"message": text, "connectionId": connection.connection_id, "requestId": number}
    headers = [("content-type", "application/json")]
    return HttpAnswer(status, headers, msgspec.json.encode(told))


def why(error: InvocationError | MalformedAnswerError, broken: int) -> tuple[int, str]:
    """Status and text for a function that gave no answer; `broken` where it is its own fault."""
    match error:
        case InvocationTimeoutError():
            return 504, "Endpoint request timed out"
        case InvocationThrottledError():
            return 429, "Too Many Requests"
    return broken, "Internal server error"


def object_with_status(payload: bytes) -> dict[str, Any]:
    """A function's answer.

    Raises:
        MalformedAnswerError: It is no object with a statusCode.
    """
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswerError("not JSON") from error
    if not isinstance(value, dict) or "statusCode" not in value:
        raise MalformedAnswerError("there is no statusCode")
    return value


def reply_of(payload: bytes) -> bytes | None:
    """The body of a function's answer, None where it has none.

    Raises:
        MalformedAnswerError: The answer is none.
    """
    value = object_with_status(payload)
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


async def refuse(send: Send, answer: HttpAnswer) -> None:
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


def log_access(
    write: WriteLog | None,
    api: WebSocketApi,
    stage: Stage,
    connection: Connection,
    now: float,
    key: str,
    status: int,
) -> None:
    """Log one event of a connection where the stage asks for it."""
    if write is None or stage.access_log is None:
        return
    context: dict[str, object] = {
        "accountId": api.account,
        "apiId": api.api_id,
        "connectedAt": int(connection.connected_at * 1000),
        "connectionId": connection.connection_id,
        "domainName": api.domain_name,
        "eventType": EVENT_TYPES.get(key, "MESSAGE"),
        "identity.sourceIp": connection.source_ip,
        "identity.userAgent": connection.user_agent or None,
        "requestId": request_id(),
        "requestTime": clf_time(now),
        "requestTimeEpoch": int(now * 1000),
        "routeKey": key,
        "stage": stage.name,
        "status": status,
    }
    write_access(write, stage, context)
