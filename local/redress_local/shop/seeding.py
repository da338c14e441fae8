"""Loads a shop into the repositories of the three domains."""

from collections.abc import Iterable, Iterator
from itertools import islice

from redress.domains.inventory.gateway import put_stock
from redress.domains.orders.gateway import put_order, put_shipment
from redress.domains.payments.gateway import put_invoice, put_payment, put_promise, put_refund
from redress.errors import ConflictError
from redress.models.base import Model
from redress.ports import Repository, Write

from redress_local.shop.document import Shop

BATCH = 100
"""Writes in one commit: the most that a repository takes."""


class SeedReport(Model, frozen=True):
    """What a load did: records written, and records that existed and were left as they are."""

    written: int
    kept: int


def seed_repositories(
    shop: Shop, orders: Repository, payments: Repository, inventory: Repository
) -> SeedReport:
    """Load a shop; what exists is kept, so that loading again never undoes a settlement.

    Customers are not stored: no rule needs their names.

    Raises:
        ConflictError: somebody else writes the same records right now.
        DependencyUnavailableError: a store did not answer.
    """
    counts = [
        _load(orders, _order_writes(shop)),
        _load(payments, _payment_writes(shop)),
        _load(inventory, (put_stock(stock, 0) for stock in shop.stock)),
    ]
    return SeedReport(
        written=sum(written for written, _ in counts), kept=sum(kept for _, kept in counts)
    )


def _order_writes(shop: Shop) -> Iterator[Write]:
    yield from (put_order(order, 0) for order in shop.orders)
    yield from (put_shipment(shipment, 0) for shipment in shop.shipments)


def _payment_writes(shop: Shop) -> Iterator[Write]:
    yield from (put_payment(payment, 0) for payment in shop.payments)
    yield from (put_invoice(invoice, 0) for invoice in shop.invoices)
    yield from (put_refund(refund, 0) for refund in shop.refunds)
    yield from (put_promise(promise, 0) for promise in shop.promises)


def _load(repository: Repository, writes: Iterable[Write]) -> tuple[int, int]:
    """Return how many records were written and how many were kept."""
    remaining = iter(writes)
    written = kept = 0
    while batch := list(islice(remaining, BATCH)):
        try:
            repository.commit(batch)
            written += len(batch)
        except ConflictError:
            absent = [w for w in batch if repository.get(w.partition, w.sort) is None]
            if absent:
                repository.commit(absent)
            written += len(absent)
            kept += len(batch) - len(absent)
    return written, kept
