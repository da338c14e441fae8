"""IssueRefund: money back to the original instrument."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import SettlementRequest
from redress.runtime import runtime
from redress.steps.issue_refund import issue_refund


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Refund."""
    here = runtime()
    request = parse(SettlementRequest, event)
    ledgers = here.orders, here.payments, here.cases
    return dump(issue_refund(request, *ledgers, here.gate, here.clock, here.publisher))
