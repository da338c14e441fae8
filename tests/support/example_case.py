"""The example case that agents and models are tried on, over repositories in memory."""

from grant_world import granted
from redress.adapters.memory.repository import MemoryRepository
from redress.models.case import CaseRequest, SupportCase
from redress.models.investigation import InvestigationRequest, Passage
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
from redress.steps.fetch_order_evidence import fetch_order_evidence
from redress.steps.fetch_payment_evidence import fetch_payment_evidence
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories

PASSAGES = (
    Passage(
        passage_id="refund-policy#duplicate-charges",
        title="Duplicate charges",
        text="A charge that repeats another one of the same order is refunded in full.",
    ),
)


class ExampleCase:
    """The fixed example over repositories in memory."""

    def __init__(self) -> None:
        shop = example_shop()
        order = shop.orders[0]
        self.orders, self.payments, self.inventory = (MemoryRepository() for _ in range(3))
        seed_repositories(shop, self.orders, self.payments, self.inventory)
        self.case = SupportCase(
            case_id="case_1",
            customer_id=order.customer_id,
            order_id=order.order_id,
            statement="I was charged twice and got one of two items.",
            pattern="evidence-first",
            as_of=shop.as_of,
            skus=tuple(dict.fromkeys(line.sku for line in order.lines)),
            grant_id="grant.case_1",
        )
        asked = CaseRequest(case=self.case)
        self.grants = granted(self.case)
        self.request = InvestigationRequest(
            case=self.case,
            passages=PASSAGES,
            evidence=(
                fetch_order_evidence(asked, self.orders, self.grants),
                fetch_payment_evidence(asked, self.payments, self.grants),
                fetch_inventory_evidence(asked, self.inventory, self.grants),
            ),
        )
        self.repositories = (self.orders, self.payments, self.inventory, self.grants)
