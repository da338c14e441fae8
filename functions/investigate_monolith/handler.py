"""InvestigateMonolith: one agent with every read-only tool."""

from typing import Any

from redress.agents.monolith import investigate_monolith
from redress.logs import logged
from redress.metrics import record_usage
from redress.models.base import dump, parse
from redress.models.investigation import InvestigationRequest
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Investigate and propose."""
    here, request = runtime(), parse(InvestigationRequest, event)
    ledgers = here.orders, here.payments, here.inventory, here.grants
    found = investigate_monolith(request, *ledgers, here.model_factory)
    return dump(record_usage(found, here.config.metrics_namespace))
