"""Runs moto's WSGI application from ASGI, one call at a time: moto is not thread-safe."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import BackendRequest

from redress_local.emulated.gateway.errors import aws_error
from redress_local.emulated.gateway.routing import aws_call

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
Handler = Callable[[Any, str, Any], tuple[int, Mapping[str, Any], str | bytes]]
"""moto's own: takes its request, the URL and the headers."""

_log = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 20
_LOOK_AGAIN_SECONDS = 0.25
"""How soon a long poll sees a message whose delay or visibility timeout has run out."""


class SerialWsgi:
    """An ASGI application that calls a WSGI application in the event loop's own thread.

    The calls are processor work of about a millisecond that could not run at the same time
    anyway, so that one thread costs nothing and makes every call atomic: conditional writes have
    one winner and no message is handed out twice. The one call that waits, a long poll of SQS, is
    turned into short polls with the waiting between them.

    Args:
        app: The application, which finds the service of a call itself.
        targets: Handlers of the services whose calls are all POSTs to `/` with a target header,
            by the target's prefix. They are what the application would call in the end; without
            its routing a call costs 0.3 ms less.
    """

    def __init__(
        self,
        app: Callable[[Environ, Any], Iterable[bytes]],
        targets: Mapping[str, Handler] | None = None,
    ) -> None:
        self._app = app
        self._targets = {} if targets is None else targets
        self._changed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if body is None:
            return
        environ = environ_of(scope)
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
            status, headers, data = await self._poll(environ, body)
        else:
            try:
                status, headers, data = self._call(environ, body)
            except ImportError as error:
                status, headers, data = _unserved(scope, error)
            if environ.get("HTTP_X_AMZ_TARGET", "").startswith("AmazonSQS."):
                self._changed.set()
                self._changed = asyncio.Event()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    def _call(self, environ: Environ, body: bytes) -> Answer:
        status = 500
        headers: list[tuple[bytes, bytes]] = []

        def start(line: str, pairs: list[tuple[str, str]], _: Any = None) -> None:
            nonlocal status
            status = int(line[:3])
            headers.extend((n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in pairs)

        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        handler = self._targets.get(environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[0])
        if handler is not None and environ["REQUEST_METHOD"] == "POST":
            return _direct(handler, environ)
        result = self._app(environ, start)
        try:
            data = b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        return status, headers, data

    async def _poll(self, environ: Environ, body: bytes) -> Answer:
        try:
            request = msgspec.json.decode(body, type=dict[str, Any])
        except ValueError:
            return self._call(environ, body)
        wait = request.get("WaitTimeSeconds")
        if wait is None:
            wait = self._queue_wait(environ, request)
        if type(wait) is not int or not 0 < wait <= MAX_WAIT_SECONDS:
            return self._call(environ, body)
        body = msgspec.json.encode({**request, "WaitTimeSeconds": 0})
        end = time.monotonic() + wait
        while True:
            changed = self._changed
            answer = self._call(environ, body)
            left = end - time.monotonic()
            if answer[0] != 200 or b'"Messages"' in answer[2] or left <= 0:
                return answer
            try:
                await asyncio.wait_for(changed.wait(), min(left, _LOOK_AGAIN_SECONDS))
            except TimeoutError:
                continue

    def _queue_wait(self, environ: Environ, request: dict[str, Any]) -> int:
        """Return how long a receive on this queue waits if the request does not say."""
        name = "ReceiveMessageWaitTimeSeconds"
        asked = {"QueueUrl": request.get("QueueUrl"), "AttributeNames": [name]}
        environ = {**environ, "HTTP_X_AMZ_TARGET": "AmazonSQS.GetQueueAttributes"}
        status, _, data = self._call(environ, msgspec.json.encode(asked))
        if status != 200:
            return 0
        return int((msgspec.json.decode(data).get("Attributes") or {}).get(name, 0))


def _unserved(scope: Scope, error: ImportError) -> Answer:
    """Say that a service is not served: moto has it, but not what it would need for it."""
    call = aws_call(scope)
    service = call.service if call else "s3"
    _log.info("no %s: %s", service, error)
    # A status that SDKs do not try again.
    text = f"the local cloud does not serve {service}"
    status, headers, data = aws_error(service, 501, "UnknownService", text)
    return status, [(n.lower().encode(), v.encode()) for n, v in headers.items()], data


def _direct(handler: Handler, environ: Environ) -> Answer:
    request = BackendRequest(environ)
    try:
        status, headers, content = handler(request, request.raw_url, dict(request.headers))
    except ClientError as error:
        status, headers, content = 400, {}, error.response["Error"]["Message"]
    except Exception:  # noqa: BLE001 - see below
        # The boundary to the network: a fault of a backend is an answer, and its trace is kept.
        _log.exception("%s failed", environ["HTTP_X_AMZ_TARGET"])
        status, headers = 500, {}
        content = '{"__type":"InternalFailure","message":"the operation failed in the local cloud"}'
    data = content if isinstance(content, bytes) else content.encode()
    pairs = [
        (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in headers.items()
        if name.lower() != "content-length"
    ]
    return status, [*pairs, (b"content-length", b"%d" % len(data))], data


async def _read(receive: Receive) -> bytes | None:
    """Return a request's whole body, None if the client left."""
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        return bytes(message.get("body", b""))
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    return None


def environ_of(scope: Scope) -> Environ:
    """Return the WSGI environment of an ASGI scope, without body."""
    query = scope["query_string"].decode("latin-1")
    raw_path = scope["raw_path"].decode("latin-1")
    host, port = scope["server"]
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    preserved: dict[str, str] = {}
    # Dashed names first: one with underscores never stands in for one of them.
    for raw_name, raw_value in sorted(scope["headers"], key=lambda pair: b"_" in pair[0]):
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        key = name.upper().replace("-", "_")
        if key == "TRANSFER_ENCODING":
            continue  # the body is read whole and has a length by now
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if "_" in name:
            # S3 tells user metadata `a_b` from `a-b`, which WSGI does not; moto has a place for it.
            if key in environ or not name.startswith("x-amz-meta-"):
                continue
            preserved[key] = name
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    return environ
