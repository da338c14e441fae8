"""ConcludeInvestigation: one agent, one model call, from evidence to a proposal."""

from typing import Any

from redress.agents.decider import conclude_investigation
from redress.logs import logged
from redress.metrics import record_usage
from redress.models.base import dump, parse
from redress.models.investigation import InvestigationRequest
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Conclude from the evidence."""
    here = runtime()
    found = conclude_investigation(parse(InvestigationRequest, event), here.model_factory)
    return dump(record_usage(found, here.config.metrics_namespace))
