"""Payments, refunds, promises and invoices in a repository: one partition an order."""

from redress.domains.payments.models import (
    Invoice,
    Payment,
    PaymentFacts,
    Refund,
    RefundPromise,
)
from redress.errors import InvalidInputError
from redress.models.base import Model, dump_json, parse_json
from redress.ports import Repository, Write

PAYMENT = "payment#"
REFUND = "refund#"
INVOICE = "invoice#"
PROMISE = "promise#"


def partition_key(order_id: str) -> str:
    """Return the partition of an order's records."""
    return f"order#{order_id}"


def payment_key(payment_id: str) -> str:
    """Return the sort key of a payment."""
    return f"{PAYMENT}{payment_id}"


def refund_key(refund_id: str) -> str:
    """Return the sort key of a refund."""
    return f"{REFUND}{refund_id}"


def invoice_key(invoice_id: str) -> str:
    """Return the sort key of an invoice."""
    return f"{INVOICE}{invoice_id}"


def promise_key(promise_id: str) -> str:
    """Return the sort key of a refund promise."""
    return f"{PROMISE}{promise_id}"


def customer_index(customer_id: str) -> str:
    """Return the index key under which a customer's payments are filed."""
    return f"customer#{customer_id}"


def load_payments(repository: Repository, order_id: str) -> PaymentFacts:
    """Read all payment records of an order, in one query; an unknown order has none.

    Raises:
        InvalidInputError: a stored record does not fit, or the order has several invoices.
    """
    payments: list[Payment] = []
    refunds: list[Refund] = []
    promises: list[RefundPromise] = []
    invoices: list[Invoice] = []
    versions: dict[str, int] = {}
    for record in repository.query(partition_key(order_id)):
        if record.sort.startswith(PAYMENT):
            payments.append(parse_json(Payment, record.document))
        elif record.sort.startswith(REFUND):
            refunds.append(parse_json(Refund, record.document))
        elif record.sort.startswith(PROMISE):
            promises.append(parse_json(RefundPromise, record.document))
        elif record.sort.startswith(INVOICE):
            invoices.append(parse_json(Invoice, record.document))
        else:
            continue
        versions[record.sort] = record.version
    if len(invoices) > 1:
        raise InvalidInputError(f"order {order_id} has {len(invoices)} invoices; keep one")
    return PaymentFacts(
        order_id=order_id,
        payments=tuple(payments),
        refunds=tuple(refunds),
        promises=tuple(promises),
        invoice=invoices[0] if invoices else None,
        versions=versions,
    )


def payments_of(repository: Repository, customer_id: str) -> tuple[Payment, ...]:
    """Read a customer's payments on all orders; may lag behind writes."""
    records = repository.by_index(customer_index(customer_id))
    return tuple(parse_json(Payment, r.document) for r in records if r.sort.startswith(PAYMENT))


def put_payment(payment: Payment, expected_version: int) -> Write:
    """Build the write of a payment; version 0 creates it."""
    key = payment_key(payment.payment_id)
    index = customer_index(payment.customer_id)
    return _write(payment.order_id, key, payment, expected_version, index)


def put_refund(refund: Refund, expected_version: int) -> Write:
    """Build the write of a refund; version 0 creates it."""
    return _write(refund.order_id, refund_key(refund.refund_id), refund, expected_version)


def put_promise(promise: RefundPromise, expected_version: int) -> Write:
    """Build the write of a refund promise; version 0 creates it."""
    return _write(promise.order_id, promise_key(promise.promise_id), promise, expected_version)


def put_invoice(invoice: Invoice, expected_version: int) -> Write:
    """Build the write of an invoice; version 0 creates it."""
    return _write(invoice.order_id, invoice_key(invoice.invoice_id), invoice, expected_version)


def _write(
    order_id: str, sort: str, model: Model, expected_version: int, index: str | None = None
) -> Write:
    return Write(
        partition=partition_key(order_id),
        sort=sort,
        document=dump_json(model),
        expected_version=expected_version,
        index=index,
    )
