"""What guards each call of a domain's MCP tools: a token of this audience, checked and used up."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from anyio.to_thread import run_sync
from fastmcp.exceptions import NotFoundError, ValidationError
from fastmcp.server.dependencies import fastmcp_request_ctx, get_access_token
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from mcp_types import CallToolRequestParams
from pydantic import ValidationError as ArgumentsError

from redress.errors import (
    AccessDeniedError,
    InvalidInputError,
    RedressError,
    TokenRefusedError,
)
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import READ_SCOPE
from redress.mcp_serving.answers import failed
from redress.models.base import dump_json
from redress.models.identity import Access
from redress.models.investigation import DomainName

ACCESS_META = "redress/access"
"""Field of a request's `_meta` that bears the token where no HTTP header can."""

CASE_META = "redress/case"
"""Field of a request's `_meta` that says which case the caller works on; it may be left out."""

MAX_ARGUMENTS = 16_384
"""Bytes of a call's arguments as JSON."""

MAX_MISTAKES = 3
"""Wrong arguments that an answer names."""


class TokenCheck(Protocol):
    """Checks a token and uses it up; `redress.identity.tokens.Verifier` does."""

    def verify(self, token: str, case_id: str | None = None) -> Access:
        """Return what the token gives.

        Raises:
            TokenRefusedError: it is forged, expired, used before, or for something else.
            DependencyUnavailableError: keys or used tokens could not be read.
        """
        ...


class SeenOnly(ReplayGuard):
    """Uses no token up: for requests that only look around."""

    def __init__(self) -> None:
        """Remember nothing."""

    def use(self, jti: str, expires_at: int) -> None:
        """Let the token pass, used before or not."""


_access: ContextVar[Access | None] = ContextVar("redress_mcp_access", default=None)


def current_access() -> Access:
    """Return what the token of the tool call that runs right now gives.

    Raises:
        AccessDeniedError: no tool call was let in here.
    """
    access = _access.get()
    if access is None:
        raise AccessDeniedError("no checked token is behind this call")
    return access


class CallGuard(Middleware):
    """Stands before everything else that a call of a tool meets, the look-up of its name included.

    Whatever is wrong becomes an answer with an error's class and one line.

    Args:
        domain: Whose facts are read; a token needs the scope for that.
        check: Gives the check of this process; asked at each call.
    """

    def __init__(self, domain: DomainName, check: Callable[[], TokenCheck]) -> None:
        self._scope = READ_SCOPE[domain]
        self._check = check

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Let a call in whose token allows it."""
        try:
            # Keys and used tokens are read from stores: not on the loop of all calls.
            access = await run_sync(self._checked, *_credentials())
            _check_text(context.message)
        except RedressError as error:
            return failed(error)
        before = _access.set(access)
        try:
            return await call_next(context)
        except NotFoundError:
            name = ascii(context.message.name[:128])
            return failed(InvalidInputError(f"there is no tool {name} here"))
        except ValidationError as error:
            cause = error.__cause__
            told = _mistakes(cause) if isinstance(cause, ArgumentsError) else "they do not fit"
            return failed(InvalidInputError(f"arguments: {told}"))
        finally:
            _access.reset(before)

    def _checked(self, token: str, case_id: str | None) -> Access:
        access = self._check().verify(token, case_id)
        if self._scope not in access.scopes:
            raise AccessDeniedError(f"the token does not allow {self._scope}")
        return access


def _credentials() -> tuple[str, str | None]:
    """Return the token of the current request, and the case that the caller speaks of.

    Over HTTP only the header counts, which was checked before the request was read.
    """
    request = fastmcp_request_ctx.get()
    meta: Mapping[str, Any] = (request.meta if request else None) or {}
    case_id = meta.get(CASE_META)
    if case_id is not None and not isinstance(case_id, str):
        raise InvalidInputError(f"{CASE_META} is no text")
    if request is not None and request.request is not None:
        bearer = get_access_token()
        token: Any = bearer.token if bearer else None
    else:
        token = meta.get(ACCESS_META)
    if not isinstance(token, str) or not token:
        raise TokenRefusedError("the call bears no token")
    return token, case_id


def _check_text(call: CallToolRequestParams) -> None:
    """Refuse arguments that are too large, or that no JSON can hold.

    Raises:
        InvalidInputError: they are.
    """
    try:
        size = len(dump_json(call.arguments or {}))
    except (UnicodeEncodeError, RecursionError) as error:
        raise InvalidInputError("arguments: they are no JSON") from error
    if size > MAX_ARGUMENTS:
        raise InvalidInputError(f"arguments: {size} bytes, at most {MAX_ARGUMENTS} can be")


def _mistakes(error: ArgumentsError) -> str:
    """Say what is wrong with arguments: places and reasons, never what was written there."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(str(part) for part in mistake['loc'])[:128] or 'all'}: {mistake['msg']}"
        for mistake in found[:MAX_MISTAKES]
    ]
    more = len(found) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")
