"""DecideByPolicy: amounts from the ledger, decisions from Cedar."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import DecisionRequest
from redress.runtime import runtime
from redress.steps.decide_by_policy import decide_by_policy


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Rule on the proposal."""
    here = runtime()
    request = parse(DecisionRequest, event)
    tables = here.orders, here.payments, here.inventory, here.cases
    return dump(decide_by_policy(request, *tables, here.gate, here.clock, here.publisher))
