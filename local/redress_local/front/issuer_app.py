"""The local issuer over HTTP: its public keys, discovery and the client_credentials grant.

Paths: `/.well-known/jwks.json`, `/.well-known/openid-configuration`, both also under `/{pool}`,
and `POST /oauth2/token`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from redress_local.front.issuer import MAX_TTL, Client, Issuer, IssuerError, UserPool
from redress_local.front.local_only import is_local_request, read_limited

_MAX_FORM = 16 * 1024
_UNCACHED = {"cache-control": "no-store", "pragma": "no-cache"}


def issuer_app(issuer: Issuer) -> Starlette:
    """The ASGI app for `/.well-known/...`, `/{pool}/.well-known/...` and `/oauth2/token`."""

    async def jwks(request: Request) -> JSONResponse:
        _pool(issuer, request)
        return JSONResponse(issuer.jwks(), headers={"cache-control": "max-age=300"})

    async def configuration(request: Request) -> JSONResponse:
        return JSONResponse(_configuration(request, _pool(issuer, request)))

    async def token(request: Request) -> JSONResponse:
        return await _token(issuer, request)

    return Starlette(
        routes=[
            Route("/.well-known/jwks.json", jwks),
            Route("/.well-known/openid-configuration", configuration),
            Route("/oauth2/token", token, methods=["POST"]),
            Route("/{pool}/.well-known/jwks.json", jwks),
            Route("/{pool}/.well-known/openid-configuration", configuration),
        ]
    )


def _pool(issuer: Issuer, request: Request) -> UserPool | None:
    name = request.path_params.get("pool")
    try:
        return issuer.pool(name)
    except IssuerError as error:
        if name is None:
            return None
        raise HTTPException(404, str(error)) from error


def _configuration(request: Request, pool: UserPool | None) -> dict[str, Any]:
    here = str(request.base_url).rstrip("/")
    return {
        "issuer": pool.issuer if pool else here,
        "jwks_uri": f"{here}/{pool.pool_id}/.well-known/jwks.json"
        if pool
        else f"{here}/.well-known/jwks.json",
        "token_endpoint": f"{here}/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": sorted(pool.scopes) if pool else [],
    }


async def _token(issuer: Issuer, request: Request) -> JSONResponse:
    if not is_local_request(request.scope):
        return _refuse("invalid_request", 403)
    body = await read_limited(request, _MAX_FORM)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body is None or kind != "application/x-www-form-urlencoded":
        return _refuse("invalid_request")
    try:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError:
        return _refuse("invalid_request")
    if any(len(values) > 1 for values in form.values()):
        return _refuse("invalid_request")
    fields = {name: values[0] for name, values in form.items()}
    if fields.get("grant_type") != "client_credentials":
        return _refuse("unsupported_grant_type")
    found = _authenticate(issuer, request, fields)
    if found is None:
        return _refuse("invalid_client")
    pool, client = found
    scopes = fields["scope"].split() if "scope" in fields else None
    try:
        token = issuer.mint(pool_id=pool.pool_id, client=client.client_id, scopes=scopes)
    except IssuerError:
        return _refuse("invalid_scope")
    answer = {"access_token": token, "expires_in": MAX_TTL, "token_type": "Bearer"}
    return JSONResponse(answer, headers=_UNCACHED)


def _authenticate(
    issuer: Issuer, request: Request, fields: dict[str, str]
) -> tuple[UserPool, Client] | None:
    client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    basic, _, encoded = request.headers.get("authorization", "").partition(" ")
    if basic.lower() == "basic":
        try:
            pair = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        client_id, _, secret = (unquote(part) for part in pair.partition(":"))
    for pool in issuer.pools():
        for client in pool.clients:
            if client.client_id == client_id and client.secret is not None:
                if hmac.compare_digest(client.secret.encode(), secret.encode()):
                    return pool, client
                return None
    return None


def _refuse(error: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": error}, status, headers=_UNCACHED)
