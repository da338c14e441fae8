"""FetchInventoryEvidence: what is in stock of an order's products."""

from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.gateway import load_stock
from redress.identity.grants import Grants, not_permitted
from redress.models.case import CaseRequest
from redress.models.investigation import EvidenceBundle
from redress.ports import Repository


def fetch_inventory_evidence(
    request: CaseRequest, inventory: Repository, grants: Grants
) -> EvidenceBundle:
    """Fetch what the inventory domain knows of the products of a case, if its customer lets it."""
    case = request.case
    if not grants.permits_reading(case, "evidence", "inventory"):
        return not_permitted("inventory")
    return inventory_evidence(load_stock(inventory, case.skus))
