"""What every A2A request must pass before it is looked at: a bound, a token, and JSON."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs

import msgspec
from a2a.utils.error_handlers import build_rest_error_payload
from a2a.utils.errors import InvalidRequestError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redress.a2a.wire import VERSION_HEADER
from redress.errors import DependencyUnavailableError, TokenRefusedError
from redress.models.identity import Access
from redress.models.identity import Scope as Right

MAX_BODY = 96 * 1024
"""Bytes of a request: a case of a large order, and a question."""
ACCESS_KEY = "redress.access"
"""Where the ASGI scope holds the checked `Access`."""

_PARSE, _INVALID = -32700, -32600


class TokenCheck(Protocol):
    """Checks a token and uses it up; `redress.identity.tokens.Verifier` does."""

    def verify(self, token: str, case_id: str | None = None) -> Access:
        """Return what the token gives.

        Raises:
            TokenRefusedError: it is forged, expired, used before, or for something else.
            DependencyUnavailableError: keys or used tokens could not be read.
        """
        ...


class Guard:
    """Stands before an A2A app.

    Args:
        app: The app.
        rpc_path: Where it takes JSON-RPC, without a slash at the end.
        public: Paths that anybody may read.
        check: Checks tokens of this agent's audience.
        right: The scope that every call takes.
    """

    def __init__(
        self, app: ASGIApp, rpc_path: str, public: frozenset[str], check: TokenCheck, right: Right
    ) -> None:
        self._app = app
        self._rpc_path = rpc_path
        self._public = public
        self._check = check
        self._right: Right = right

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._public:
            await self._app(scope, receive, send)
            return
        is_rpc = scope["path"].rstrip("/") == self._rpc_path
        headers = {name.lower(): value for name, value in scope["headers"]}
        body = await _bounded(receive)
        refusal = self._authenticate(scope, headers.get(b"authorization", b""))
        if refusal is None and body is None:
            refusal = _too_large(is_rpc)
        if refusal is None and body and not _is_json(body):
            refusal = _malformed(is_rpc)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        _take_version_from_query(scope, headers)
        await self._app(scope, _replayed(body or b"", receive), send)

    def _authenticate(self, scope: Scope, authorization: bytes) -> JSONResponse | None:
        kind, _, token = authorization.decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or not token:
            return _unauthenticated("Bearer")
        try:
            access = self._check.verify(token.strip())
        except TokenRefusedError:
            # Why is told to nobody who might be guessing.
            return _unauthenticated('Bearer error="invalid_token"')
        except DependencyUnavailableError:
            return _refusal(503, "UNAVAILABLE", "try again later")
        if self._right not in access.scopes:
            return _refusal(403, "PERMISSION_DENIED", f"this takes the scope {self._right}")
        scope[ACCESS_KEY] = access
        return None


async def _bounded(receive: Receive) -> bytes | None:
    """Read the body; None if it is too large."""
    body = b""
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def _take_version_from_query(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """The specification lets a caller name the version in the query as well."""
    name = VERSION_HEADER.lower().encode()
    if name in headers:
        return
    found = parse_qs(scope["query_string"].decode("latin-1")).get(VERSION_HEADER)
    if found:
        scope["headers"] = [*scope["headers"], (name, found[0].encode("latin-1", "replace"))]


def _unauthenticated(challenge: str) -> JSONResponse:
    answer = _refusal(401, "UNAUTHENTICATED", "a valid token is needed")
    answer.headers["WWW-Authenticate"] = challenge
    return answer


def _refusal(code: int, status: str, message: str) -> JSONResponse:
    error = {"code": code, "status": status, "message": message}
    return JSONResponse({"error": error}, status_code=code)


def _too_large(is_rpc: bool) -> JSONResponse:
    if is_rpc:
        return _rpc_error(_INVALID, "Payload too large")
    return _refusal(413, "INVALID_ARGUMENT", "Payload too large")


def _malformed(is_rpc: bool) -> JSONResponse:
    if is_rpc:
        return _rpc_error(_PARSE, "Invalid JSON payload")
    payload = build_rest_error_payload(InvalidRequestError("Invalid JSON payload"))
    return JSONResponse(payload, status_code=400)


def _rpc_error(code: int, message: str) -> JSONResponse:
    error = {"code": code, "message": message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error})
