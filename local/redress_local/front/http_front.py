"""Serves HTTP APIs as API Gateway v2 does: routing, authorization, throttling, CORS, Lambda."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from redress_local.front import cors, iam
from redress_local.front.access_log import WriteLog, write_access
from redress_local.front.http_answers import (
    HttpAnswer,
    MalformedAnswerError,
    message,
    read_answer,
)
from redress_local.front.http_events import http_event
from redress_local.front.http_log import log_context, log_times
from redress_local.front.invoker import (
    InvocationError,
    InvocationThrottledError,
    InvocationTimeoutError,
    Invoke,
    Invoker,
)
from redress_local.front.issuer import Issuer
from redress_local.front.jwt import JwtVerifier, ScopeError, TokenError
from redress_local.front.models import HttpApi, HttpRoute, JwtAuthorizer, Stage, UnsupportedApiError
from redress_local.front.requests import BadRequestError, HttpRequest, read, request_id
from redress_local.front.routes import Match, RouteTable
from redress_local.front.throttle import StageThrottle

MAX_BODY = 10 * 1024 * 1024
# Lambda takes 6 MB: what does not fit into its event is too large as well.
MAX_EVENT = 6 * 1024 * 1024
MAX_HEADERS = 10_240
_INTERNAL = message(500, "Internal Server Error")


class _Refusal(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, answer: HttpAnswer, reason: str = "") -> None:
        self.answer = answer
        self.reason = reason
        super().__init__(reason)


class _ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class _Served(NamedTuple):
    api: HttpApi
    stage: Stage
    routes: RouteTable
    throttle: StageThrottle


class HttpFront:
    """An ASGI app that serves HTTP APIs at the root.

    A request goes to the API whose id is the first label of its Host, else to the first one that
    has a route for it. A stage other than `$default` lies at `/{stage}`.

    Args:
        apis: What to serve.
        invoke: Calls a function; blocking, run in threads of its own.
        issuer: Vouches for the JWT authorizers' issuers.
        callers: Knows who signs requests; without it, no route can ask for IAM authorization.
        throttled: What `invoke` raises when Lambda throttles the function.
        access_log: Gets the lines of stages with access logs.
        clock: Seconds since the epoch.
        monotonic: Seconds for throttling.

    Raises:
        UnsupportedApiError: An API asks for what is not served here: an authorizer of another
            type, an issuer that is not local, payload format 1.0.
    """

    def __init__(
        self,
        apis: Sequence[HttpApi],
        invoke: Invoke,
        issuer: Issuer,
        *,
        callers: iam.Callers | None = None,
        throttled: tuple[type[Exception], ...] = (),
        access_log: WriteLog | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._callers = callers
        self._clock = clock
        self._access_log = access_log
        self._verifiers: dict[JwtAuthorizer, JwtVerifier] = {}
        self._served: list[_Served] = []
        for api in apis:
            table = RouteTable(api)
            for route in api.routes:
                self._prepare(api, route)
            self._served += [
                _Served(api, stage, table, StageThrottle(stage, monotonic)) for stage in api.stages
            ]
        # `/{stage}` belongs to that stage, whatever `$default` would take.
        self._served.sort(key=lambda served: served.stage.name == "$default")
        self._invoker = Invoker(invoke, throttled=throttled)

    def _prepare(self, api: HttpApi, route: HttpRoute) -> None:
        where = f"{api.name}: {route.route_key}"
        if route.payload_version != "2.0":
            raise UnsupportedApiError(
                f"{where}: payload format {route.payload_version} is not served here; use 2.0"
            )
        if route.authorization_type == "NONE" and route.authorizer is None and not route.scopes:
            return
        if route.authorization_type == "AWS_IAM" and self._callers is not None:
            return
        if route.authorization_type != "JWT" or route.authorizer is None:
            raise UnsupportedApiError(
                f"{where}: authorization {route.authorization_type} is not served here; "
                "use a JWT authorizer"
            )
        if not self._issuer.vouches_for(route.authorizer.issuer):
            raise UnsupportedApiError(
                f"{where}: the issuer {route.authorizer.issuer} is no user pool of the template, "
                "and keys are not fetched over the network"
            )
        self._verifiers[route.authorizer] = JwtVerifier(
            route.authorizer, self._issuer.keys, self._clock
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        number = request_id()
        try:
            answer = await self._answer(scope, receive, number)
        except _ClientGoneError:
            return
        headers = [
            (name.encode("latin-1"), value.encode("utf-8")) for name, value in answer.headers
        ]
        headers.append((b"apigw-requestid", number.encode()))
        if answer.status != 204:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        # The server leaves the body of an answer to HEAD out.
        body = b"" if answer.status in (204, 304) else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, number: str) -> HttpAnswer:
        try:
            request = read(scope)
        except BadRequestError:
            return message(400, "Bad Request")
        if request.size > MAX_HEADERS:
            return message(431, "Request Header Fields Too Large")
        served, match = self._find(request)
        if served is None:
            return message(404, "Not Found")
        began = self._clock()
        shared = served.api.cors
        if shared is not None and cors.is_preflight(request.method, request.headers):
            return HttpAnswer(204, cors.preflight(shared, request.headers), b"")
        reason = ""
        context: dict[str, object] = {}
        try:
            if match is None:
                raise _Refusal(message(404, "Not Found"))
            answer = await self._serve(served, match, request, receive, number, context)
        except _Refusal as refusal:
            answer, reason = refusal.answer, refusal.reason
        if shared is not None:
            answer = _with_cors(answer, cors.simple(shared, request.headers))
        if served.stage.access_log is not None:
            context |= log_context(served.api, served.stage, match, request, answer, number)
            context |= log_times(began, self._clock(), reason)
            write_access(self._access_log, served.stage, context)
        return answer

    def _find(self, request: HttpRequest) -> tuple[_Served | None, Match | None]:
        """The stage that is called, and its route if it has one."""
        host = request.headers.get("host", "").partition(".")[0]
        named = [served for served in self._served if served.api.api_id == host]
        first: _Served | None = None
        for served in named or self._served:
            path = _below(served.stage, request.path)
            if path is None:
                continue
            match = served.routes.match(request.method, path)
            if match is not None:
                return served, match
            if first is None or (first.api.cors is None and served.api.cors is not None):
                first = served
        return first, None

    async def _serve(
        self,
        served: _Served,
        match: Match,
        request: HttpRequest,
        receive: Receive,
        number: str,
        context: dict[str, object],
    ) -> HttpAnswer:
        if not served.throttle.take(match.route.route_key):
            raise _Refusal(message(429, "Too Many Requests"), "throttled")
        authorizer = self._authorize(served, match.route, request)
        if authorizer is not None and "jwt" in authorizer:
            claims = authorizer["jwt"]["claims"]
            context.update({f"authorizer.claims.{name}": text for name, text in claims.items()})
        body = await _read_body(request, receive)
        event = http_event(
            served.api,
            served.stage,
            match,
            request,
            body,
            request_id=number,
            now=self._clock(),
            authorizer=authorizer,
        )
        if len(event) > MAX_EVENT:
            raise _Refusal(message(413, "Request Entity Too Large"), "the event is over 6 MB")
        try:
            payload = await self._invoker.call(
                match.route.function_arn, event, match.route.timeout_ms
            )
            return read_answer(payload)
        except InvocationTimeoutError as error:
            raise _Refusal(message(503, "Service Unavailable"), "integration timeout") from error
        except InvocationThrottledError as error:
            raise _Refusal(message(429, "Too Many Requests"), "function throttled") from error
        except InvocationError as error:
            raise _Refusal(_INTERNAL, "the function failed") from error
        except MalformedAnswerError as error:
            raise _Refusal(_INTERNAL, f"malformed answer: {error}") from error

    def serves(self, method: str, path: str) -> bool:
        """Tell whether an API has a route for a request that names no API by its host."""
        return any(
            below is not None and served.routes.match(method, below) is not None
            for served in self._served
            for below in [_below(served.stage, path)]
        )

    def _authorize(
        self, served: _Served, route: HttpRoute, request: HttpRequest
    ) -> dict[str, Any] | None:
        if route.authorization_type == "AWS_IAM" and self._callers is not None:
            try:
                return iam.check(request.headers, _arn(served, route), self._callers)
            except iam.UnsignedError as error:
                raise _Refusal(message(403, "Forbidden"), str(error)) from error
        if route.authorizer is None:
            return None
        verifier = self._verifiers[route.authorizer]
        try:
            return verifier.check(request.headers, request.query, route.scopes)
        except TokenError as error:
            detail = "Bearer"
            if error.given:
                detail += f' scope="" error="invalid_token" error_description="{error}"'
            refusal = _Refusal(message(401, "Unauthorized"), str(error))
        except ScopeError as error:
            detail = f'Bearer scope="{" ".join(route.scopes)}" error="insufficient_scope"'
            refusal = _Refusal(message(403, "Forbidden"), str(error))
        refusal.answer.headers.append(("www-authenticate", detail))
        raise refusal

    def close(self) -> None:
        """Stop invoking."""
        self._invoker.close()


def _arn(served: _Served, route: HttpRoute) -> str:
    """A route as IAM names it."""
    api, (method, _, path) = served.api, route.route_key.partition(" ")
    name = f"{api.api_id}/{served.stage.name}/{method}{path}"
    return f"arn:aws:execute-api:{api.region}:{api.account}:{name}"


def _below(stage: Stage, path: str) -> str | None:
    """The path without the stage, None if it is not below it."""
    if stage.name == "$default":
        return path
    prefix = f"/{stage.name}"
    if path == prefix:
        return "/"
    return path[len(prefix) :] if path.startswith(f"{prefix}/") else None


async def _read_body(request: HttpRequest, receive: Receive) -> bytes:
    too_large = _Refusal(message(413, "Request Entity Too Large"), "the body is over 10 MB")
    # The rest is not read: the connection cannot be used again.
    too_large.answer.headers.append(("connection", "close"))
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MAX_BODY:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise _ClientGoneError
        chunks.append(part.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise too_large
        if not part.get("more_body", False):
            return b"".join(chunks)


def _with_cors(answer: HttpAnswer, added: cors.Headers) -> HttpAnswer:
    # What the function says about CORS is ignored where the API is configured for it.
    kept = [pair for pair in answer.headers if not pair[0].startswith("access-control-")]
    return answer._replace(headers=kept + added)
