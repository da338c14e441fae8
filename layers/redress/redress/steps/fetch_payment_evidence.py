"""FetchPaymentEvidence: payments, refunds, promises and the invoice of an order."""

from redress.domains.payments.evidence import payment_evidence
from redress.domains.payments.gateway import load_payments, payments_of
from redress.models.case import CaseRequest
from redress.models.investigation import EvidenceBundle
from redress.ports import Repository


def fetch_payment_evidence(request: CaseRequest, payments: Repository) -> EvidenceBundle:
    """Fetch what the payments domain knows of a case, equal payments on other orders included."""
    case = request.case
    facts = load_payments(payments, case.order_id)
    others = payments_of(payments, case.customer_id)
    return payment_evidence(facts, case.as_of, others)
