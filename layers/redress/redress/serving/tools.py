"""The domains' MCP servers and sessions of this process, over the runtime of each call."""

from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from redress.identity.scopes import audience
from redress.identity.tokens import Verifier
from redress.mcp_serving.calls import SeenOnly
from redress.mcp_serving.server import ServerParts
from redress.models.investigation import DomainName
from redress.ports import Repository
from redress.runtime import runtime

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from redress.agents.domain_tools import DomainTools
    from redress.mcp_serving.http import ToolsFront


@cache
def tool_server(domain: DomainName) -> "FastMCP[Any]":
    """Return a domain's MCP server: the same object in memory, behind API Gateway, in a container.

    Making it reads no environment, so a function may do so in its INIT.
    """
    build = import_module(f"redress.domains.{domain}.tools").build_server
    parts = ServerParts(
        records=partial(_records, domain),
        check=lambda: runtime().verifier(audience(domain, "tools")),
        passages=lambda: runtime().policy,
    )
    server: FastMCP[Any] = build(parts)
    return server


@cache
def domain_tools(domain: DomainName) -> "DomainTools":
    """Return a domain's tools for agents, with their session open and listed."""
    from redress.agents.domain_tools import DomainTools

    return DomainTools(domain, partial(tool_server, domain)).open()


@cache
def tools_front(domain: DomainName) -> "ToolsFront":
    """Return a domain's MCP server as HTTP has it, with its tools listed once."""
    from redress.mcp_serving.http import ToolsFront

    seen = partial(_seen, domain)
    front = ToolsFront(domain, tool_server(domain), seen, lambda: runtime().config.token_issuer)
    return front.warm()


def _seen(domain: DomainName) -> Verifier:
    here = runtime()
    target = audience(domain, "tools")
    return Verifier(here.keys, here.config.token_issuer, target, here.clock, SeenOnly())


def _records(domain: DomainName) -> Repository:
    # Only the domain's own: a function has no right to the tables of others.
    here = runtime()
    if domain == "orders":
        return here.orders
    return here.payments if domain == "payments" else here.inventory
