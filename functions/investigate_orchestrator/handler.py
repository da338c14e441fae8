"""InvestigateOrchestrator: one agent that asks the domains' agents by A2A."""

from typing import Any

from redress.agents.orchestrator import investigate_orchestrator
from redress.logs import logged
from redress.metrics import record_usage
from redress.models.base import dump, parse
from redress.models.investigation import InvestigationRequest
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Investigate and propose."""
    here, request = runtime(), parse(InvestigationRequest, event)
    found = investigate_orchestrator(request, here.agents, here.model_factory)
    return dump(record_usage(found, here.config.metrics_namespace))
