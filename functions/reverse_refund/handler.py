"""ReverseRefund: undo IssueRefund."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.reverse_refund import reverse_refund


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Reverse what was refunded."""
    here = runtime()
    request = parse(SettlementRequest, event)
    return dump(reverse_refund(request, here.orders, here.payments))
