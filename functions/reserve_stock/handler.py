"""ReserveStock: stock set aside for every reshipment."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.reserve_stock import reserve_stock


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Reserve."""
    here = runtime()
    request = parse(SettlementRequest, event)
    return dump(reserve_stock(request, here.inventory, here.cases, here.clock))
