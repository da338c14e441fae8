"""CORS as an HTTP API is configured: preflight answers and the headers of other answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redress_local.front.models import Cors

Headers = list[tuple[str, str]]
_ANY = "*"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks what it may send."""
    return (
        method == "OPTIONS" and "origin" in headers and ("access-control-request-method" in headers)
    )


def preflight(cors: Cors, headers: Mapping[str, str]) -> Headers:
    """The headers of the answer to a preflight; none where the origin is not allowed."""
    answer = _origin(cors, headers.get("origin"))
    if not answer:
        return []
    asked = headers["access-control-request-method"].upper()
    if _ANY in cors.allow_methods or asked in {name.upper() for name in cors.allow_methods}:
        answer.append(("access-control-allow-methods", _listed(cors.allow_methods)))
    if cors.allow_headers:
        answer.append(("access-control-allow-headers", _listed(cors.allow_headers)))
    if cors.max_age is not None:
        answer.append(("access-control-max-age", str(cors.max_age)))
    return answer


def simple(cors: Cors, headers: Mapping[str, str]) -> Headers:
    """The headers that an answer to an allowed origin gets in addition."""
    answer = _origin(cors, headers.get("origin"))
    if answer and cors.expose_headers:
        answer.append(("access-control-expose-headers", _listed(cors.expose_headers)))
    return answer


def _listed(values: Iterable[str]) -> str:
    return ",".join(values)


def _origin(cors: Cors, origin: str | None) -> Headers:
    if origin is None or not _allowed(cors, origin):
        return []
    if _ANY in cors.allow_origins and not cors.allow_credentials:
        return [("access-control-allow-origin", _ANY)]
    answer = [("access-control-allow-origin", origin), ("vary", "Origin")]
    if cors.allow_credentials:
        answer.append(("access-control-allow-credentials", "true"))
    return answer


def _allowed(cors: Cors, origin: str) -> bool:
    for allowed in cors.allow_origins:
        if allowed == _ANY or allowed.lower() == origin.lower():
            return True
        # `https://*` and `http://*` allow every host of that scheme.
        if allowed.endswith("://*") and origin.lower().startswith(allowed[:-1].lower()):
            return True
    return False
