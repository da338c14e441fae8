"""What an agent may read about its one case: the domains' evidence, and nothing of other cases."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from redress.agents.contract import KnownEvidence, as_passages
from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.gateway import load_stock
from redress.domains.orders.evidence import order_evidence
from redress.domains.orders.gateway import load_order
from redress.domains.payments.evidence import payment_evidence
from redress.domains.payments.gateway import load_payments, payments_of
from redress.errors import ForeignOrderError, InvalidInputError
from redress.identity.grants import Grants, not_permitted
from redress.models.investigation import EvidenceBundle, InvestigationRequest, Passage
from redress.ports import Repository

MISSING_INVOICE = "payments/invoice"
"""How the payments domain names an invoice that it could not find."""


class CaseDesk:
    """Reads the records of one case and remembers what was read.

    Every id that a model gives is compared with the case; none is looked up as it is.
    """

    def __init__(
        self,
        request: InvestigationRequest,
        orders: Repository,
        payments: Repository,
        inventory: Repository,
        grants: Grants,
    ) -> None:
        self.known = KnownEvidence()
        self.passages: tuple[Passage, ...] = request.passages
        self._case = request.case
        self._orders = orders
        self._payments = payments
        self._inventory = inventory
        self._grants = grants

    def summary(self) -> dict[str, Any]:
        """Return what the agent knows at the start."""
        return {
            "case_id": self._case.case_id,
            "order_id": self._case.order_id,
            "as_of": self._case.as_of,
            "statement": self._case.statement,
        }

    def order(self, order_id: str) -> dict[str, Any]:
        """Read the order."""
        self._check(order_id)
        return self._show(self._order_bundle, [f"orders/{order_id}"])

    def shipments(self, order_id: str) -> dict[str, Any]:
        """Read the shipments of the order."""
        self._check(order_id)
        return self._show_others(self._order_bundle, [f"orders/{order_id}"])

    def invoice(self, order_id: str) -> dict[str, Any]:
        """Read the invoice of the order."""
        self._check(order_id)
        return self._show(self._payment_bundle, self._invoice_ids())

    def payments(self, order_id: str) -> dict[str, Any]:
        """Read the payments of the order, with refunds and promises."""
        self._check(order_id)
        return self._show_others(self._payment_bundle, self._invoice_ids())

    def stock(self, sku: str) -> dict[str, Any]:
        """Read the stock of one product of the order."""
        if sku not in self._case.skus:
            raise InvalidInputError(f"{sku} is no product of order {self._case.order_id}")
        return self._show(self._stock_bundle(sku), [f"inventory/{sku}"])

    def policy(self) -> dict[str, Any]:
        """Return the policy passages of the case."""
        return {"passages": as_passages(self.passages)}

    @cached_property
    def _order_bundle(self) -> EvidenceBundle:
        if not self._grants.permits_reading(self._case, "monolith", "orders"):
            return not_permitted("orders")
        facts = load_order(self._orders, self._case.order_id)
        if facts.order.customer_id != self._case.customer_id:
            raise ForeignOrderError(f"order {self._case.order_id} is another customer's")
        return order_evidence(facts, self._case.as_of)

    @cached_property
    def _payment_bundle(self) -> EvidenceBundle:
        if not self._grants.permits_reading(self._case, "monolith", "payments"):
            return not_permitted("payments")
        facts = load_payments(self._payments, self._case.order_id)
        others = payments_of(self._payments, self._case.customer_id)
        return payment_evidence(facts, self._case.as_of, others)

    def _stock_bundle(self, sku: str) -> EvidenceBundle:
        if not self._grants.permits_reading(self._case, "monolith", "inventory"):
            return not_permitted("inventory")
        return inventory_evidence(load_stock(self._inventory, [sku]))

    def _invoice_ids(self) -> list[str]:
        found = [i.evidence_id for i in self._payment_bundle.items if "total_minor" in i.facts]
        return found or [MISSING_INVOICE]

    def _check(self, order_id: str) -> None:
        if order_id != self._case.order_id:
            raise ForeignOrderError(f"this case is about order {self._case.order_id} only")

    def _show_others(self, bundle: EvidenceBundle, hidden: Sequence[str]) -> dict[str, Any]:
        names = [*(item.evidence_id for item in bundle.items), *bundle.missing]
        return self._show(bundle, [name for name in names if name not in hidden])

    def _show(self, bundle: EvidenceBundle, names: Sequence[str]) -> dict[str, Any]:
        """Remember the named items, and say which of them are missing, or that none may be read."""
        refused = not_permitted(bundle.domain).missing
        shown = EvidenceBundle(
            domain=bundle.domain,
            items=tuple(item for item in bundle.items if item.evidence_id in names),
            missing=tuple(n for n in bundle.missing if n in names or n in refused),
        )
        self.known.add(shown)
        answer: dict[str, Any] = {"evidence": {i.evidence_id: i.facts for i in shown.items}}
        if shown.missing:
            answer["missing"] = shown.missing
        return answer
