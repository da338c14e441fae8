"""ReleaseStock: undo ReserveStock."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.release_stock import release_stock


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Release what was reserved."""
    here = runtime()
    request = parse(SettlementRequest, event)
    return dump(release_stock(request, here.orders, here.inventory))
