"""FetchPaymentEvidence: payments, refunds, promises and the invoice of an order."""

from redress.domains.payments.evidence import payment_evidence
from redress.domains.payments.gateway import load_payments, payments_of
from redress.identity.grants import Grants, not_permitted
from redress.models.case import CaseRequest
from redress.models.investigation import EvidenceBundle
from redress.ports import Repository


def fetch_payment_evidence(
    request: CaseRequest, payments: Repository, grants: Grants
) -> EvidenceBundle:
    """Fetch what the payments domain knows of a case, if its customer lets it be read.

    Equal payments on other orders are included.
    """
    case = request.case
    if not grants.permits_reading(case, "evidence", "payments"):
        return not_permitted("payments")
    facts = load_payments(payments, case.order_id)
    others = payments_of(payments, case.customer_id)
    return payment_evidence(facts, case.as_of, others)
