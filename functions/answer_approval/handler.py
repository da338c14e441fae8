"""AnswerApproval: a human's answer goes to the waiting execution."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.settlement import ApprovalAnswer
from redress.runtime import runtime
from redress.steps.answer_approval import answer_approval


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Check the answer and pass it on."""
    here = runtime()
    request = parse(ApprovalAnswer, event)
    return dump(answer_approval(request, here.cases, here.callbacks, here.clock))
