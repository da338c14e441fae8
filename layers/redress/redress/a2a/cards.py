"""A domain agent's card: what it can do, where, and what a caller must bring."""

from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentProvider,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)

from redress.a2a.wire import JSON, VERSION
from redress.identity.scopes import READ_SCOPE, audience
from redress.models.agents import AgentDefinition

OLD_VERSION = "0.3"
_SCHEME = "token"


def build_card(agent: AgentDefinition, url: str, provider_url: str) -> AgentCard:
    """Return an agent's card, not signed yet.

    Args:
        agent: What the agent is.
        url: Its base URL, without a slash at the end.
        provider_url: Where to learn who runs it.
    """
    scope = READ_SCOPE[agent.domain]
    requirement = SecurityRequirement(schemes={_SCHEME: StringList(list=[scope])})
    return AgentCard(
        name=agent.name,
        description=agent.description,
        version=agent.version,
        provider=AgentProvider(organization="Redress", url=provider_url),
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=VERSION),
            AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version=VERSION),
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=OLD_VERSION),
            AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version=OLD_VERSION),
        ],
        capabilities=AgentCapabilities(
            streaming=False, push_notifications=True, extended_agent_card=False
        ),
        default_input_modes=[JSON],
        default_output_modes=[JSON],
        skills=[
            AgentSkill(
                id=skill.id,
                name=skill.name,
                description=skill.description,
                tags=list(skill.tags),
                examples=list(skill.examples),
                input_modes=[JSON],
                output_modes=[JSON],
            )
            for skill in agent.skills
        ],
        security_schemes={
            _SCHEME: SecurityScheme(
                http_auth_security_scheme=HTTPAuthSecurityScheme(
                    scheme="bearer",
                    bearer_format="JWT",
                    description=(
                        f"A token of audience {audience(agent.domain, 'agent')} and scope {scope}"
                        " about one case, from the token exchange (RFC 8693). It lives a minute"
                        " at most and works for one request."
                    ),
                )
            )
        },
        security_requirements=[requirement],
    )
