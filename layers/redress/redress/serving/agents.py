"""The A2A servers of the domains' agents, over the runtime of each call."""

from functools import partial
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from redress.a2a.app import build_app
from redress.api.serve_agent import AgentFront
from redress.errors import InvalidInputError
from redress.identity.grants import delegate
from redress.identity.scopes import audience
from redress.models.agents import AgentDefinition
from redress.runtime import Runtime, runtime

if TYPE_CHECKING:
    from starlette.applications import Starlette

_TEXT = ["text/", "application/json", "application/a2a+json"]
_KEPT = "_agent_apps"


def agent_app(agent: AgentDefinition, here: Runtime) -> "Starlette":
    """Return the app of a domain's agent; each runtime keeps its own."""
    apps: dict[str, Starlette] = here.__dict__.setdefault(_KEPT, {})
    if agent.domain not in apps:
        apps[agent.domain] = build_app(
            agent,
            tasks=here.tasks,
            starter=here.task_starter,
            verifier=here.verifier(audience(agent.domain, "agent")),
            signer=here.card_signer,
            delegate=lambda access, skus: delegate(
                here.cases, access, skus, here.clock, here.new_secret
            ),
            clock=here.clock,
        )
    return apps[agent.domain]


def agent_front(agent: AgentDefinition) -> AgentFront:
    """Return what answers events of API Gateway (payload format 2.0) by an agent's app."""
    return partial(_answer, agent)


def _answer(agent: AgentDefinition, event: dict[str, Any], context: Any) -> dict[str, Any]:
    http = event.get("requestContext", {}).get("http") if isinstance(event, dict) else None
    if not isinstance(http, dict) or event.get("version") != "2.0":
        raise InvalidInputError("this is no HTTP request of payload format 2.0")
    app = agent_app(agent, runtime())
    found: dict[str, Any] = Mangum(app, lifespan="off", text_mime_types=_TEXT)(event, context)
    return found
