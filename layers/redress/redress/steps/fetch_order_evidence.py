"""FetchOrderEvidence: the order, its lines, shipments and parcels."""

from redress.domains.orders.evidence import order_evidence
from redress.domains.orders.gateway import load_order
from redress.errors import ForeignOrderError
from redress.identity.grants import Grants, not_permitted
from redress.models.case import CaseRequest
from redress.models.investigation import EvidenceBundle
from redress.ports import Repository


def fetch_order_evidence(
    request: CaseRequest, orders: Repository, grants: Grants
) -> EvidenceBundle:
    """Fetch what the orders domain knows of a case, if its customer lets it be read.

    Raises:
        UnknownOrderError: there is no such order.
        ForeignOrderError: the order is another customer's.
    """
    case = request.case
    if not grants.permits_reading(case, "evidence", "orders"):
        return not_permitted("orders")
    facts = load_order(orders, case.order_id)
    if facts.order.customer_id != case.customer_id:
        raise ForeignOrderError(f"order {case.order_id} is not of customer {case.customer_id}")
    return order_evidence(facts, case.as_of)
