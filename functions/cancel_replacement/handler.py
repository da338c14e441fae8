"""CancelReplacement: undo ShipReplacement."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.cancel_replacement import cancel_replacement


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Cancel what was shipped."""
    here = runtime()
    request = parse(SettlementRequest, event)
    return dump(cancel_replacement(request, here.orders, here.inventory))
