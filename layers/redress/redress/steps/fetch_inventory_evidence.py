"""FetchInventoryEvidence: what is in stock of an order's products."""

from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.gateway import load_stock
from redress.models.case import CaseRequest
from redress.models.investigation import EvidenceBundle
from redress.ports import Repository


def fetch_inventory_evidence(request: CaseRequest, inventory: Repository) -> EvidenceBundle:
    """Fetch what the inventory domain knows of the products of a case."""
    return inventory_evidence(load_stock(inventory, request.case.skus))
