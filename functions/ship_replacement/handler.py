"""ShipReplacement: goods on their way again."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.ship_replacement import ship_replacement


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Ship."""
    here = runtime()
    request = parse(SettlementRequest, event)
    ledgers = here.orders, here.payments, here.inventory, here.cases
    return dump(ship_replacement(request, *ledgers, here.clock, here.publisher))
