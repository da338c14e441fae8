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
    return dump(issue_refund(parse(SettlementRequest, event), here.payments, here.clock))
