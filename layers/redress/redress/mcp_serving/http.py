"""A domain's MCP server over stateless HTTP: an ASGI app, and how API Gateway's events reach it."""

import asyncio
import base64
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from anyio.to_thread import run_sync
from fastmcp import Client, FastMCP
from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerifier
from fastmcp.server.http import create_streamable_http_app
from mangum import Mangum
from pydantic import AnyHttpUrl
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redress.errors import (
    DependencyUnavailableError,
    InvalidInputError,
    RedressError,
    TokenRefusedError,
)
from redress.identity.scopes import READ_SCOPE
from redress.mcp_serving.calls import TokenCheck
from redress.models.base import dump_json
from redress.models.investigation import DomainName

MAX_BODY_BYTES = 65_536
"""Of a request: 25 ids and a token need a tenth of it."""


_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?", re.ASCII)


class ToolsFront:
    """A domain's server as HTTP has it.

    Every request bears a token for the domain's tools (MCP's authorization spec; RFC 6750): who
    has none gets 401 and learns from `WWW-Authenticate` where the metadata of RFC 9728 lie. To
    look around (to list tools, to read the policy) does not use a token up; a call of a tool does.

    Args:
        domain: Whose server it is.
        server: The server; the same object may serve in memory at the same time.
        seen: Gives a check that does not use tokens up; asked at each request.
        issuer: Gives the URL of the tokens' issuer, or "" if it is where the server is.
    """

    def __init__(
        self,
        domain: DomainName,
        server: FastMCP[Any],
        seen: Callable[[], TokenCheck],
        issuer: Callable[[], str] = lambda: "",
    ) -> None:
        self.domain = domain
        self.path = f"/mcp/{domain}"
        self._server = server
        self._seen = seen
        self._issuer = issuer
        # FastMCP counts its users by a lock of one event loop, and each event has a loop here.
        self._one_at_a_time = threading.Lock()
        self._at = lru_cache(maxsize=8)(self.app)

    def app(self, base_url: str) -> ASGIApp:
        """Return the ASGI app of a server that clients know by `base_url` (no path, no slash)."""
        scope = READ_SCOPE[self.domain]
        tokens = _Tokens(self._seen, required_scopes=[scope])
        provider = RemoteAuthProvider(
            token_verifier=tokens,
            authorization_servers=[AnyHttpUrl(self._issuer() or base_url)],
            base_url=base_url,
            scopes_supported=[scope],
            resource_name=f"Redress: the {self.domain} domain's tools",
        )
        app = create_streamable_http_app(
            self._server,
            self.path,
            auth=provider,
            json_response=True,
            stateless_http=True,
            # A page of another site cannot lead a browser here, whatever its name resolves to.
            host_origin_protection=True,
            allowed_hosts=[urlsplit(base_url).hostname or ""],
        )
        # Outermost: what the check of tokens raises is told there, too.
        app.add_middleware(_Edge)
        return app

    def warm(self) -> "ToolsFront":
        """Do what the first request would: 0.3 s of imports and schemas, for a function's INIT.

        The server is asked in memory, where listing its tools takes no token.
        """

        async def list_tools() -> None:
            async with Client(self._server) as client:
                await client.list_tools()

        # In a thread: nobody knows whether a loop runs in this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, list_tools()).result()
        return self

    def answer(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer an HTTP event of API Gateway (payload format 2.0).

        Raises:
            InvalidInputError: it is none, or its body is not what it says.
        """
        app: Any = self._at(_base_url(event))
        with self._one_at_a_time:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            try:
                return Mangum(app, lifespan="on")(event, context)
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                asyncio.set_event_loop(None)
                loop.close()


class _Tokens(TokenVerifier):
    """Tells FastMCP what a bearer token gives."""

    def __init__(self, seen: Callable[[], TokenCheck], required_scopes: list[str]) -> None:
        super().__init__(required_scopes=required_scopes)
        self._seen = seen

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token gives, None if it is refused."""
        try:
            access = await run_sync(self._seen().verify, token)
        except TokenRefusedError:
            return None
        return AccessToken(
            token=token,
            client_id=access.workload,
            scopes=list(access.scopes),
            subject=access.subject,
        )


class _JsonRpc(msgspec.Struct):
    """What every message is, requests, notifications and responses alike."""

    jsonrpc: Literal["2.0"]
    id: int | float | str | None = None
    method: str | None = None
    params: dict[str, Any] | None = None


class _Edge:
    """Keeps out what is too large or no JSON-RPC, and tells of an error of ours in a line.

    Behind it, a message that is none would be told with all that it holds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(receive)
        except InvalidInputError as error:
            await _say(send, 413, error)
            return
        if _bears_token(scope) and (refusal := _refusal(body)):
            await _send(send, 400, refusal)
            return
        begun = given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            for part in _with_reason(message) if _is_challenge(message) else (message,):
                await send(part)

        try:
            await self._app(scope, replay, watch)
        except RedressError as error:
            if begun:
                raise
            await _say(send, 503 if isinstance(error, DependencyUnavailableError) else 500, error)


_NO_TOKEN = dump_json(
    {"error": TokenRefusedError.__name__, "message": "the request bears no token"}
)


def _is_challenge(message: Message) -> bool:
    """Tell whether this begins FastMCP's answer to who has no token, which has no body."""
    return (
        message["type"] == "http.response.start"
        and message["status"] == 401
        and (b"content-length", b"0") in message["headers"]
    )


def _with_reason(message: Message) -> tuple[Message, Message]:
    """Give the challenge a body; of its own there follows an empty rest."""
    headers = [h for h in message["headers"] if h[0] != b"content-length"]
    headers += [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_NO_TOKEN)).encode()),
    ]
    body = {"type": "http.response.body", "body": _NO_TOKEN, "more_body": True}
    return {**message, "headers": headers}, body


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise InvalidInputError(f"the body has more than {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


def _bears_token(scope: Scope) -> bool:
    """Tell whether a message comes with credentials; who has none learns how to get some."""
    return scope["method"] == "POST" and any(n == b"authorization" for n, _ in scope["headers"])


def _refusal(body: bytes) -> dict[str, Any] | None:
    """Return JSON-RPC's answer to what is no message of it, None for a message."""
    try:
        msgspec.json.decode(body, type=_JsonRpc)
    except msgspec.ValidationError as error:
        code, reason = -32600, f"Invalid Request: {error}"
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        code, reason = -32700, "Parse error: the body is not JSON"
    else:
        return None
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": reason}}


async def _say(send: Send, status: int, error: RedressError) -> None:
    await _send(send, status, {"error": type(error).__name__, "message": str(error)})


async def _send(send: Send, status: int, content: dict[str, Any]) -> None:
    body = dump_json(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Http(msgspec.Struct, rename="camel"):
    method: str
    path: str
    source_ip: str


class _Context(msgspec.Struct, rename="camel"):
    domain_name: str
    http: _Http


class _Event(msgspec.Struct, rename="camel"):
    """What Mangum relies on."""

    raw_path: str
    request_context: _Context
    headers: dict[str, str]
    raw_query_string: str = ""
    body: str | None = None
    is_base64_encoded: bool = False


def _base_url(event: Any) -> str:
    """Return where the caller found the API, by what API Gateway itself says of it."""
    try:
        read = msgspec.convert(event, _Event)
        if read.is_base64_encoded:
            base64.b64decode(read.body or "", validate=True)
        else:
            (read.body or "").encode()
    except ValueError as error:
        # msgspec's, binascii's and Unicode's errors all are.
        raise InvalidInputError(f"no HTTP event of API Gateway: {error}") from error
    scheme = read.headers.get("x-forwarded-proto", "https")
    # API Gateway knows its APIs by this header, so nobody gets here with a host of their own.
    host = read.headers.get("host", read.request_context.domain_name)
    if not _HOST.fullmatch(host):
        raise InvalidInputError("no HTTP event of API Gateway: its host is none")
    return f"{'http' if scheme == 'http' else 'https'}://{host}"
