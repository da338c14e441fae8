"""The domains' agents for real: MCP tools in memory, tokens by a broker, the playbook."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from identity_world import Identity
from redress.agents.domain_agent import run_domain_agent
from redress.agents.domain_tools import DomainTools
from redress.agents.models.playbook.model import PlaybookModel
from redress.domains.inventory import agent as inventory_agent
from redress.domains.inventory import tools as inventory_tools
from redress.domains.orders import agent as orders_agent
from redress.domains.orders import tools as orders_tools
from redress.domains.payments import agent as payments_agent
from redress.domains.payments import tools as payments_tools
from redress.errors import AccessDeniedError
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES, audience
from redress.mcp_serving.server import ServerParts
from redress.models.agents import AgentDefinition
from redress.models.case import SupportCase
from redress.models.identity import Scope
from redress.models.investigation import DOMAINS, DomainName, DomainReport, DomainRequest
from redress.ports import Repository

AGENTS: Mapping[DomainName, AgentDefinition] = {
    "orders": orders_agent.AGENT,
    "payments": payments_agent.AGENT,
    "inventory": inventory_agent.AGENT,
}
SERVERS: Mapping[DomainName, Any] = {
    "orders": orders_tools.build_server,
    "payments": payments_tools.build_server,
    "inventory": inventory_tools.build_server,
}


class DomainsWorld:
    """The agents of one shop's domains, asked without a network in between.

    Attributes:
        dead: An error for each domain whose agent gives no answer.
        asked: Who was asked what.
    """

    def __init__(self, *repositories: Repository) -> None:
        self._records = dict(zip(DOMAINS, repositories, strict=True))
        self.dead: dict[DomainName, Exception] = {}
        self.asked: list[tuple[DomainName, str]] = []
        self.model: Callable[[], Any] = PlaybookModel
        self._identity: Identity | None = None
        self._tools = {domain: DomainTools(domain, self._server(domain)) for domain in DOMAINS}

    def _server(self, domain: DomainName) -> Callable[[], Any]:
        def parts() -> ServerParts:
            return ServerParts(
                records=lambda: self._records[domain],
                check=lambda: self.identity.verifier(audience(domain, "tools")),
                passages=lambda: (),
            )

        return lambda: SERVERS[domain](parts())

    @property
    def identity(self) -> Identity:
        """The issuer for the case that was granted last."""
        assert self._identity is not None
        return self._identity

    def grant(
        self, case: SupportCase, scopes: tuple[Scope, ...] = DEFAULT_CUSTOMER_SCOPES
    ) -> SupportCase:
        """Grant scopes for a case; returns the case with its grant."""
        self._identity = Identity(
            case_id=case.case_id,
            customer_id=case.customer_id,
            order_id=case.order_id,
            skus=case.skus,
            as_of=case.as_of,
            scopes=scopes,
        )
        return msgspec.structs.replace(case, grant_id=self._identity.grant.grant_id)

    def run(self, domain: DomainName, request: DomainRequest, **named: Any) -> DomainReport:
        """Run a domain's agent."""
        return run_domain_agent(
            AGENTS[domain], request, self._tools[domain], self.identity.broker, self.model, **named
        )

    def ask(
        self, domain: DomainName, case: SupportCase, question: str, grant_id: str
    ) -> DomainReport:
        """Ask a domain's agent, as `redress.a2a.client.DomainAgents` does."""
        self.asked.append((domain, question))
        if domain in self.dead:
            raise self.dead[domain]
        if f"{domain}:read" not in self.identity.grant.scopes:
            raise AccessDeniedError("not allowed")
        return self.run(domain, DomainRequest(case=case, question=question, grant_id=grant_id))

    def close(self) -> None:
        """End the sessions."""
        for tools in self._tools.values():
            tools.close()
