"""FetchInventoryEvidence: what the inventory domain knows of a case."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.case import CaseRequest
from redress.runtime import runtime
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Fetch evidence, trimmed."""
    here = runtime()
    return dump(fetch_inventory_evidence(parse(CaseRequest, event), here.inventory, here.grants))
