"""ClaimCase: one owner per case."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.case import ClaimRequest
from redress.runtime import runtime
from redress.steps.claim_case import claim_case


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Claim the case for an execution."""
    here = runtime()
    return dump(claim_case(parse(ClaimRequest, event), here.cases, here.clock, here.publisher))
