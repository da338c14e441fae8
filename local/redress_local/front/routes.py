"""Routes: an HTTP API's by path, with parameters and `$default`; a WebSocket API's by key."""

from __future__ import annotations

import re
from typing import NamedTuple

from redress_local.front.models import (
    HttpApi,
    HttpRoute,
    UnsupportedApiError,
    WebSocketApi,
    WebSocketRoute,
)

DEFAULT = "$default"
_METHODS = {"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
_PARAMETER = re.compile(r"\{([A-Za-z0-9._-]+)(\+?)\}")
_LITERAL, _NAMED, _GREEDY = 0, 1, 2


class Match(NamedTuple):
    """The chosen route and the values of its path parameters."""

    route: HttpRoute
    parameters: dict[str, str]


class _Segment(NamedTuple):
    kind: int
    text: str


class _Pattern(NamedTuple):
    method: str
    segments: tuple[_Segment, ...]
    route: HttpRoute

    @property
    def order(self) -> tuple[tuple[int, ...], bool]:
        """Sorts the more specific first: by segment, then a method before ANY."""
        return tuple(segment.kind for segment in self.segments), self.method == "ANY"

    def match(self, method: str, parts: list[str]) -> dict[str, str] | None:
        if self.method not in ("ANY", method):
            return None
        greedy = bool(self.segments) and self.segments[-1].kind == _GREEDY
        if len(parts) < len(self.segments) or (not greedy and len(parts) > len(self.segments)):
            return None
        found: dict[str, str] = {}
        for index, (kind, text) in enumerate(self.segments):
            value = "/".join(parts[index:]) if kind == _GREEDY else parts[index]
            if kind == _LITERAL:
                if value != text:
                    return None
            elif not value:
                return None
            else:
                found[text] = value
        return found


class RouteTable:
    """The routes of one API, with AWS's precedence.

    Raises:
        UnsupportedApiError: A route key is malformed or given twice.
    """

    def __init__(self, api: HttpApi) -> None:
        self._default: HttpRoute | None = None
        patterns: list[_Pattern] = []
        seen: set[tuple[str, tuple[_Segment, ...]]] = set()
        for route in api.routes:
            if route.route_key == DEFAULT:
                shape: tuple[str, tuple[_Segment, ...]] = (DEFAULT, ())
                self._default = route
            else:
                pattern = _parse(api, route)
                patterns.append(pattern)
                named = (_Segment(k, t if k == _LITERAL else "") for k, t in pattern.segments)
                shape = (pattern.method, tuple(named))
            if shape in seen:
                raise UnsupportedApiError(f"{api.name}: the route {route.route_key} is given twice")
            seen.add(shape)
        self._patterns = sorted(patterns, key=lambda pattern: pattern.order)

    def match(self, method: str, path: str) -> Match | None:
        """The most specific route.

        Args:
            method: The HTTP method, in capitals.
            path: The decoded path without the stage, beginning with a slash.
        """
        parts = path[1:].split("/")
        for pattern in self._patterns:
            found = pattern.match(method, parts)
            if found is not None:
                return Match(pattern.route, found)
        return Match(self._default, {}) if self._default else None


def _parse(api: HttpApi, route: HttpRoute) -> _Pattern:
    method, _, path = route.route_key.partition(" ")
    if method not in _METHODS or not path.startswith("/"):
        raise UnsupportedApiError(f"{api.name}: {route.route_key!r} is not a route key")
    texts = path[1:].split("/")
    segments: list[_Segment] = []
    for index, text in enumerate(texts):
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None and ("{" in text or "}" in text):
            raise UnsupportedApiError(f"{api.name}: {route.route_key!r} is not a route key")
        if parameter is None:
            segments.append(_Segment(_LITERAL, text))
        elif not parameter.group(2):
            segments.append(_Segment(_NAMED, parameter.group(1)))
        elif index == len(texts) - 1:
            segments.append(_Segment(_GREEDY, parameter.group(1)))
        else:
            raise UnsupportedApiError(
                f"{api.name}: {route.route_key!r}: a greedy parameter must come last"
            )
    return _Pattern(method, tuple(segments), route)


def websocket_routes(api: WebSocketApi) -> dict[str, WebSocketRoute]:
    """The routes of a WebSocket API by their keys.

    Raises:
        UnsupportedApiError: One asks for an authorizer, or is given twice.
    """
    routes: dict[str, WebSocketRoute] = {}
    for route in api.routes:
        if route.authorization_type != "NONE":
            raise UnsupportedApiError(
                f"{api.name}: {route.route_key}: authorization {route.authorization_type} is not "
                "served here; let the $connect function decide"
            )
        if route.route_key in routes:
            raise UnsupportedApiError(f"{api.name}: the route {route.route_key} is given twice")
        routes[route.route_key] = route
    return routes
