"""AwaitApproval: ask a human, and keep the question."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import ApprovalQuestion
from redress.runtime import runtime
from redress.steps.await_approval import await_approval


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Ask for an approval."""
    here = runtime()
    request = parse(ApprovalQuestion, event)
    return dump(await_approval(request, here.cases, here.clock, here.publisher))
