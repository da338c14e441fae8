"""One domain's agent as an ASGI app: JSON-RPC and REST of A2A 1.0, clients of 0.3, and its card."""

import logging
from collections.abc import Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.common import ServerCallContextBuilder
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.routes.rest_routes import create_rest_routes
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from redress.a2a.cards import build_card
from redress.a2a.guard import ACCESS_KEY, Guard, TokenCheck
from redress.a2a.handler import ACCESS, BUDGET_SECONDS, Delegate, DurableRequestHandler
from redress.a2a.push import check_url
from redress.a2a.signing import sign_card
from redress.a2a.tasks import TaskStore
from redress.a2a.wire import CARD_PATH
from redress.identity.scopes import READ_SCOPE
from redress.models.agents import AgentDefinition
from redress.models.investigation import DomainName
from redress.ports import Clock, Repository, Signer, TaskStarter

KEYS_PATH = "/.well-known/jwks.json"
"""Beside the card: the keys that its signature is checked with."""

_CACHE = "public, max-age=300"
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1", "host.docker.internal")
_MAX_ORIGINS = 4

Endpoint = Callable[[Request], Any]


def agent_path(domain: DomainName) -> str:
    """Return the path of a domain's agent."""
    return f"/a2a/{domain}"


def build_app(
    agent: AgentDefinition,
    *,
    tasks: Repository,
    starter: TaskStarter,
    verifier: TokenCheck,
    signer: Signer,
    delegate: Delegate,
    clock: Clock,
    check_push_url: Callable[[str], None] = check_url,
    budget: float = BUDGET_SECONDS,
) -> Starlette:
    """Build the app.

    Args:
        agent: Whose.
        tasks: The repository of tasks.
        starter: Starts the work on a task.
        verifier: Checks tokens of audience `redress:<domain>:agent`.
        signer: Signs the card; its key signs nothing else.
        delegate: Makes the grant under which a task's work is done.
        clock: The current time.
        check_push_url: Raises `UnsafeUrlError` for a push notification URL that may not be told.
        budget: Seconds that a call waits for a task.
    """
    # The SDK logs what it cannot read, which are payloads; what fails is logged by our handler.
    logging.getLogger("a2a").setLevel(logging.CRITICAL)
    path = agent_path(agent.domain)
    handler = DurableRequestHandler(
        agent.domain, TaskStore(tasks, clock), starter, delegate, clock, check_push_url, budget
    )
    common: dict[str, Any] = {"context_builder": _Contexts(), "enable_v0_3_compat": True}
    # Mounts are of tenants, which these agents do not have.
    rest = [
        route
        for route in create_rest_routes(handler, path_prefix=path, **common)
        if not isinstance(route, Mount)
    ]
    cards = _Cards(agent, path, signer)
    public = {path + CARD_PATH: cards.answer, path + KEYS_PATH: _keys(signer)}
    return Starlette(
        routes=[
            *(Route(at, endpoint, methods=["GET"]) for at, endpoint in public.items()),
            *create_jsonrpc_routes(handler, path, **common),
            *create_jsonrpc_routes(handler, f"{path}/", **common),
            *rest,
        ],
        middleware=[
            Middleware(Guard, path, frozenset(public), verifier, READ_SCOPE[agent.domain]),
        ],
    )


class _Contexts(ServerCallContextBuilder):
    """Hands the checked access on to the handler."""

    def build(self, request: Request) -> ServerCallContext:
        state = {ACCESS: request.scope[ACCESS_KEY], "headers": dict(request.headers)}
        return ServerCallContext(state=state)


class _Cards:
    """The agent's signed card for each address that it is reached by: one, or few."""

    def __init__(self, agent: AgentDefinition, path: str, signer: Signer) -> None:
        self._agent = agent
        self._path = path
        self._signer = signer
        self._endpoints: dict[str, Endpoint] = {}

    async def answer(self, request: Request) -> Response:
        """Answer with the card, or that it has not changed."""
        origin = origin_of(request)
        endpoint = self._endpoints.get(origin)
        if endpoint is None:
            card = sign_card(build_card(self._agent, origin + self._path, origin), self._signer)
            endpoint = create_agent_card_routes(card, cache_control=_CACHE)[0].endpoint
            if len(self._endpoints) >= _MAX_ORIGINS:
                self._endpoints.clear()
            self._endpoints[origin] = endpoint
        found: Response = await endpoint(request)
        return found


def origin_of(request: Request) -> str:
    """Return scheme and host that the caller reached us by.

    API Gateway says which of its domains it was: a caller cannot have a card signed for another.
    A local cloud is reached by one of `_LOCAL_HOSTS`, which its APIs' domains only stand for; no
    request for such a host comes to API Gateway.
    """
    event = request.scope.get("aws.event")
    named = isinstance(event, dict) and event.get("requestContext", {}).get("domainName")
    host = request.headers.get("host", "")
    if named and request.url.hostname not in _LOCAL_HOSTS:
        return f"https://{named}"
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{host}"


def _keys(signer: Signer) -> Endpoint:
    async def answer(_: Request) -> Response:
        keys = [dict(key) for key in signer.jwks()]
        return JSONResponse({"keys": keys}, headers={"Cache-Control": _CACHE})

    return answer
