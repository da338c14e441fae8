"""What API Gateway hands to a function, and what it expects back.

HTTP routes use payload format 2.0; a JWT authorizer has verified the token before the function
runs, so the claims are true.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

import msgspec

from redress.errors import (
    AccessDeniedError,
    ConflictError,
    DependencyUnavailableError,
    InvalidInputError,
    NotSignedInError,
    RedressError,
    UnknownCaseError,
)
from redress.identity.scopes import USER_SCOPES, user_scopes
from redress.models.base import Identifier, M, dump, dump_json, parse, parse_json
from redress.models.identity import Scope

P = ParamSpec("P")
Answer = dict[str, Any]

MAX_BODY_BYTES = 32_768
"""Of a request; a statement has at most 4,000 characters."""

# The first class that an error is an instance of decides.
_STATUS: tuple[tuple[type[RedressError], int], ...] = (
    (NotSignedInError, 403),
    (AccessDeniedError, 403),
    (UnknownCaseError, 404),
    (InvalidInputError, 400),
    (ConflictError, 409),
    (DependencyUnavailableError, 503),
)


class _Jwt(msgspec.Struct):
    claims: dict[str, Any] = {}


class _Iam(msgspec.Struct, rename="camel"):
    user_arn: str = ""


class _Authorizer(msgspec.Struct):
    jwt: _Jwt = msgspec.field(default_factory=_Jwt)
    iam: _Iam = msgspec.field(default_factory=_Iam)


class _Context(msgspec.Struct):
    authorizer: _Authorizer = msgspec.field(default_factory=_Authorizer)


class HttpRequest(msgspec.Struct, rename="camel"):
    """An HTTP request as API Gateway's payload format 2.0 has it; header names are lower case."""

    headers: dict[str, str] = {}
    path_parameters: dict[str, str] = {}
    stage_variables: dict[str, str] | None = None
    raw_path: str = "/"
    body: str | None = None
    is_base64_encoded: bool = False
    request_context: _Context = msgspec.field(default_factory=_Context)


class _SocketContext(msgspec.Struct, rename="camel"):
    connection_id: str


class SocketMessage(msgspec.Struct, rename="camel"):
    """A WebSocket event: a connection that opens or ends, or a message on it."""

    request_context: _SocketContext
    query_string_parameters: dict[str, str] | None = None
    body: str | None = None

    @property
    def connection_id(self) -> str:
        """The connection's id, which API Gateway made."""
        return self.request_context.connection_id


def read_request(event: Any) -> HttpRequest:
    """Read an HTTP request.

    Raises:
        InvalidInputError: it is not of payload format 2.0.
    """
    return parse(HttpRequest, event)


def read_message(event: Any) -> SocketMessage:
    """Read a WebSocket event.

    Raises:
        InvalidInputError: it is none.
    """
    return parse(SocketMessage, event)


def read_body(kind: type[M], request: HttpRequest | SocketMessage) -> M:
    """Read the JSON body of a request or message.

    Raises:
        InvalidInputError: it is too large, not JSON or does not fit; the message names the place.
    """
    return parse_json(kind, body_of(request))


def body_of(request: HttpRequest | SocketMessage) -> bytes | str:
    """Return the body of a request or message.

    Raises:
        InvalidInputError: it is too large, or not the base64 that it claims to be.
    """
    body: bytes | str = request.body or ""
    if isinstance(request, HttpRequest) and request.is_base64_encoded:
        try:
            body = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInputError("the body is not base64") from error
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInputError(f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} can be")
    return body


def customer_of(request: HttpRequest) -> str:
    """The customer who calls: the name that the token's user signed in with.

    Raises:
        NotSignedInError: a machine calls, or somebody whose name cannot be a customer's id.
    """
    name = request.request_context.authorizer.jwt.claims.get("username")
    try:
        return msgspec.convert(name, Identifier)
    except msgspec.ValidationError as error:
        raise NotSignedInError("the token is not a customer's") from error


def granted_by(request: HttpRequest) -> tuple[Scope, ...]:
    """What the caller's token lets Redress do, by its `scope`.

    Raises:
        AccessDeniedError: nothing.
    """
    scope = request.request_context.authorizer.jwt.claims.get("scope")
    granted = user_scopes(scope) if isinstance(scope, str) else ()
    if not granted:
        raise AccessDeniedError(f"the token grants nothing: ask for {' '.join(USER_SCOPES)}")
    return granted


def answer(status: int, body: Any) -> Answer:
    """Build an HTTP answer with a JSON body, which nobody may cache."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": dump_json(body).decode()}


def answers(step: Callable[P, Any], status: int = 200) -> Callable[P, Answer]:
    """Make a function answer HTTP: what it returns as JSON, what it raises as a status.

    The caller learns an error's class and message. Anything but a `RedressError` is raised on:
    API Gateway answers 500 without a word about it.
    """

    @wraps(step)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return answer(status, dump(step(*args, **kwargs)))
        except RedressError as error:
            found = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
            return answer(found, problem(error))

    return wrapper


def problem(error: RedressError) -> Mapping[str, str]:
    """What a caller is told of an error: its class and one line."""
    return {"error": type(error).__name__, "message": str(error)}
