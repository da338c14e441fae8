"""Payments in a repository."""

from datetime import UTC, datetime

import msgspec
import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.payments.gateway import (
    load_payments,
    payments_of,
    put_invoice,
    put_payment,
    put_promise,
    put_refund,
)
from redress.domains.payments.models import Invoice, Payment, PaymentFacts, Refund, RefundPromise
from redress.errors import InvalidInputError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAYMENT = Payment(
    payment_id="pay_1",
    order_id="ord_1",
    customer_id="cust_1",
    instrument_id="card_1",
    amount_minor=5,
    currency="JPY",
    status="captured",
    authorised_at=NOW,
)
REFUND = Refund(
    refund_id="ref_1",
    payment_id="pay_1",
    order_id="ord_1",
    amount_minor=5,
    currency="JPY",
    status="pending",
    reason="return",
    requested_at=NOW,
)
PROMISE = RefundPromise(
    promise_id="prm_1",
    order_id="ord_1",
    payment_id="pay_1",
    amount_minor=5,
    currency="JPY",
    promised_at=NOW,
    due_at=NOW,
)
INVOICE = Invoice(
    invoice_id="inv_1", order_id="ord_1", currency="JPY", total_minor=5, issued_at=NOW
)


def test_all_records_of_an_order_come_back() -> None:
    repository = MemoryRepository()
    repository.commit([put_payment(PAYMENT, 0), put_refund(REFUND, 0)])
    repository.commit([put_invoice(INVOICE, 0), put_promise(PROMISE, 0), put_payment(PAYMENT, 1)])
    assert load_payments(repository, "ord_1") == PaymentFacts(
        order_id="ord_1",
        payments=(PAYMENT,),
        refunds=(REFUND,),
        promises=(PROMISE,),
        invoice=INVOICE,
        versions={"payment#pay_1": 2, "refund#ref_1": 1, "invoice#inv_1": 1, "promise#prm_1": 1},
    )


def test_an_order_without_records_has_no_payments() -> None:
    assert load_payments(MemoryRepository(), "ord_9") == PaymentFacts(order_id="ord_9", payments=())


def test_two_invoices_are_refused() -> None:
    repository = MemoryRepository()
    other = msgspec.structs.replace(INVOICE, invoice_id="inv_2")
    repository.commit([put_invoice(INVOICE, 0), put_invoice(other, 0)])
    with pytest.raises(InvalidInputError, match="ord_1 has 2 invoices"):
        load_payments(repository, "ord_1")


def test_payments_are_found_by_customer() -> None:
    repository = MemoryRepository()
    other = msgspec.structs.replace(PAYMENT, payment_id="pay_2", order_id="ord_2")
    repository.commit([put_payment(other, 0), put_payment(PAYMENT, 0)])
    assert payments_of(repository, "cust_1") == (PAYMENT, other)
    assert payments_of(repository, "cust_9") == ()
