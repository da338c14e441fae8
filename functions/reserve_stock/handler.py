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
    return dump(reserve_stock(parse(SettlementRequest, event), here.inventory, here.clock))
