"""What came in over HTTP, read once: path, query, headers, cookies and the client's address."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

_MAX_QUERY_FIELDS = 1000


class BadRequestError(Exception):
    """The request cannot be read."""


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request without its body.

    Attributes:
        method: In capitals.
        path: Decoded once, as API Gateway does it before it looks for the route.
        raw_query: As sent.
        query: Decoded name and value pairs, in the order sent.
        headers: Lower case names; equal ones joined with a comma; without `cookie`.
        header_list: Name and value pairs as sent.
        cookies: `name=value` each.
        source_ip: The client's address.
        protocol: Such as `HTTP/1.1`.
        scheme: Such as http.
        port: The port that the server listens on.
        size: Bytes of path, query and headers.
    """

    method: str
    path: str
    raw_query: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    header_list: list[tuple[str, str]]
    cookies: list[str]
    source_ip: str
    protocol: str
    scheme: str
    port: int
    size: int


def read(scope: Any) -> HttpRequest:
    """Read an ASGI scope of type http or websocket.

    Raises:
        BadRequestError: The path is not UTF-8.
    """
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    raw_query: bytes = scope["query_string"]
    header_list = [
        (name.decode("latin-1").lower(), _header_text(value)) for name, value in scope["headers"]
    ]
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
        query_text = raw_query.decode("ascii", "backslashreplace")
        query = parse_qsl(query_text, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise BadRequestError("the path or the query cannot be decoded") from error
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in header_list:
        if name == "cookie":
            cookies += [item.strip() for item in value.split(";") if item.strip()]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    size = len(raw_path) + len(raw_query)
    size += sum(len(name) + len(value) for name, value in scope["headers"])
    client = scope.get("client")
    server = scope.get("server")
    return HttpRequest(
        method=scope.get("method", "GET").upper(),
        path=path if path.startswith("/") else f"/{path}",
        raw_query=query_text,
        query=query,
        headers=headers,
        header_list=header_list,
        cookies=cookies,
        source_ip=client[0] if client else "127.0.0.1",
        protocol=f"HTTP/{scope.get('http_version', '1.1')}",
        scheme=scope.get("scheme", "http"),
        port=(server[1] if server else None) or 80,
        size=size,
    )


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values of equal names joined with a comma."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _header_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_id() -> str:
    """An id in API Gateway's form: 15 characters and an equals sign."""
    return f"{secrets.token_urlsafe(12)[:15]}="


def clf_time(now: float) -> str:
    """A time as access logs write it: `22/Nov/2026:17:30:00 +0000`."""
    # Not strftime's %b: month names must not follow the locale.
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment.day:02}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
