"""What the inventory domain tells."""

from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.models import Stock, StockFacts


def test_each_product_tells_what_is_available() -> None:
    stocks = (Stock(sku="a", on_hand=5, reserved=2), Stock(sku="b", on_hand=0))
    bundle = inventory_evidence(StockFacts(stocks=stocks, missing=("z",)))
    assert [(item.evidence_id, item.facts) for item in bundle.items] == [
        ("inventory/a", {"available": 3}),
        ("inventory/b", {"available": 0}),
    ]
    assert bundle.missing == ("inventory/z",)
