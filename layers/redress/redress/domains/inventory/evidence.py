"""What the inventory domain tells an agent about products: facts, no conclusions."""

from redress.domains.inventory.models import StockFacts
from redress.domains.inventory.service import available
from redress.models.investigation import Evidence, EvidenceBundle


def inventory_evidence(facts: StockFacts) -> EvidenceBundle:
    """Return one item for each product: {"available": pieces}."""
    items = tuple(
        Evidence(
            evidence_id=f"inventory/{stock.sku}",
            domain="inventory",
            summary=f"{available(stock)} available",
            facts={"available": available(stock)},
        )
        for stock in facts.stocks
    )
    missing = tuple(f"inventory/{sku}" for sku in facts.missing)
    return EvidenceBundle(domain="inventory", items=items, missing=missing)
