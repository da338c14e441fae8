"""The event that an HTTP API's route gives to its function: payload format 2.0."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from redress_local.front.models import HttpApi, Stage
from redress_local.front.requests import HttpRequest, clf_time, joined
from redress_local.front.routes import Match

_TEXT_TYPES = {"application/json", "application/javascript", "application/xml"}


def http_event(
    api: HttpApi,
    stage: Stage,
    match: Match,
    request: HttpRequest,
    body: bytes,
    *,
    request_id: str,
    now: float,
    authorizer: Mapping[str, Any] | None,
) -> bytes:
    """The event as JSON.

    Args:
        api: The API.
        stage: The stage that was called.
        match: Its route.
        request: What came in.
        body: The request's body.
        request_id: As in the answer's `apigw-requestid`.
        now: Seconds since the epoch.
        authorizer: What the authorizer found, if the route has one.
    """
    context: dict[str, Any] = {
        "accountId": api.account,
        "apiId": api.api_id,
        "domainName": api.domain_name,
        "domainPrefix": api.api_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.route.route_key,
        "stage": stage.name,
        "time": clf_time(now),
        "timeEpoch": int(now * 1000),
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.route_key,
        "rawPath": request.path,
        "rawQueryString": request.raw_query,
        "headers": request.headers | _forwarded(request, now),
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if request.cookies:
        event["cookies"] = request.cookies
    if request.query:
        event["queryStringParameters"] = joined(request.query)
    if match.parameters:
        event["pathParameters"] = match.parameters
    if stage.variables:
        event["stageVariables"] = dict(stage.variables)
    if body:
        event["body"], event["isBase64Encoded"] = _body(request.headers, body)
    return msgspec.json.encode(event)


def _forwarded(request: HttpRequest, now: float) -> dict[str, str]:
    """The headers that API Gateway adds."""
    before = request.headers.get("x-forwarded-for")
    trace = f"Root=1-{int(now):08x}-{secrets.token_hex(12)}"
    return {
        "x-amzn-trace-id": request.headers.get("x-amzn-trace-id", trace),
        "x-forwarded-for": f"{before}, {request.source_ip}" if before else request.source_ip,
        "x-forwarded-port": str(request.port),
        "x-forwarded-proto": request.scheme,
    }


def _body(headers: Mapping[str, str], body: bytes) -> tuple[str, bool]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    textual = (
        kind == ""
        or kind in _TEXT_TYPES
        or kind.startswith("text/")
        or kind.endswith(("+json", "+xml"))
    )
    if textual and "content-encoding" not in headers:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True
