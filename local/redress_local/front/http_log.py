"""What an HTTP API's access log may tell of a request."""

from __future__ import annotations

from redress_local.front.http_answers import HttpAnswer
from redress_local.front.models import HttpApi, Stage
from redress_local.front.requests import HttpRequest, clf_time
from redress_local.front.routes import Match


def log_context(
    api: HttpApi,
    stage: Stage,
    match: Match | None,
    request: HttpRequest,
    answer: HttpAnswer,
    number: str,
) -> dict[str, object]:
    """The variables of a request and its answer, by name."""
    return {
        "accountId": api.account,
        "apiId": api.api_id,
        "domainName": api.domain_name,
        "domainPrefix": api.api_id,
        "extendedRequestId": number,
        "httpMethod": request.method,
        "identity.sourceIp": request.source_ip,
        "identity.userAgent": request.headers.get("user-agent"),
        "path": request.path,
        "protocol": request.protocol,
        "requestId": number,
        "responseLength": len(answer.body),
        "routeKey": match.route.route_key if match else None,
        "stage": stage.name,
        "status": answer.status,
    }


def log_times(began: float, now: float, reason: str) -> dict[str, object]:
    """The variables of when it was, in seconds since the epoch, and of what went wrong."""
    return {
        "error.message": reason or None,
        "integrationErrorMessage": reason or None,
        "requestTime": clf_time(began),
        "requestTimeEpoch": int(began * 1000),
        "responseLatency": int((now - began) * 1000),
    }
