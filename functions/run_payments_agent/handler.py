"""RunPaymentsAgent: the payments domain's agent reads its records by MCP tools and reports."""

from typing import Any

from redress.agents.domain_agent import run_payments_agent
from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.investigation import DomainRequest
from redress.runtime import runtime
from redress.serving.tools import domain_tools

tools = domain_tools("payments")


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Look at a case."""
    here, request = runtime(), parse(DomainRequest, event)
    return dump(run_payments_agent(request, tools, here.broker, here.model_factory))
