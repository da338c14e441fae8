"""The gateway's app `token`: `POST /_redress/token` mints a token for this machine's user.

Only for programs of this machine: a web page is refused, whatever name it came by.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from redress_local.front.issuer import MAX_TTL, Issuer, IssuerError
from redress_local.front.local_only import is_local_request, read_limited

HEADER = "x-redress-token-request"
_MAX_BODY = 16 * 1024
_UNCACHED = {"cache-control": "no-store"}


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for; see `Issuer.mint`."""

    pool: str | None = None
    client: str | None = None
    scopes: list[str] | None = None
    sub: str | None = None
    ttl: int = MAX_TTL
    groups: list[str] = []
    claims: dict[str, Any] = {}


def token_app(issuer: Issuer) -> ASGIApp:
    """The ASGI app: a TokenRequest as JSON -> `{access_token, token_type, expires_in}`.

    It takes POST at whatever path it is mounted. The header `x-redress-token-request: 1` must be
    there: a page cannot send it without a preflight, and there is no answer to that. Errors are
    `{"error": {"type", "message", "known"}}`, `known` being the names to choose from.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = await _answer(issuer, Request(scope, receive))
        await answer(scope, receive, send)

    return app


async def _answer(issuer: Issuer, request: Request) -> JSONResponse:
    if request.method != "POST":
        return _refuse(405, "InvalidRequest", "only POST is served")
    if not is_local_request(request.scope) or request.headers.get(HEADER) != "1":
        return _refuse(403, "Forbidden", "only programs of this machine get tokens")
    body = await read_limited(request, _MAX_BODY)
    if body is None:
        return _refuse(413, "InvalidRequest", f"the request is larger than {_MAX_BODY} bytes")
    try:
        wanted = msgspec.json.decode(body, type=TokenRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _refuse(400, "InvalidRequest", f"the request is malformed: {error}")
    try:
        token = issuer.mint(
            pool_id=wanted.pool,
            client=wanted.client,
            scopes=wanted.scopes,
            sub=wanted.sub,
            ttl=wanted.ttl,
            groups=wanted.groups,
            claims=wanted.claims,
        )
    except IssuerError as error:
        return _refuse(400, error.kind, str(error), error.known)
    result = {"access_token": token, "token_type": "Bearer", "expires_in": wanted.ttl}
    return JSONResponse(result, headers=_UNCACHED)


def _refuse(status: int, kind: str, message: str, known: tuple[str, ...] = ()) -> JSONResponse:
    error = {"type": kind, "message": message, "known": list(known)}
    return JSONResponse({"error": error}, status, headers=_UNCACHED)
