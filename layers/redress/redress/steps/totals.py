"""What a case and a customer's day have been refunded: the sums that the caps are about."""

from datetime import datetime
from typing import NamedTuple

from redress.models.base import Minor, Model, dump_json, parse_json
from redress.ports import Repository, Write


class Total(Model, frozen=True):
    """Refunds that stand, in one currency's minor unit."""

    refund_minor: Minor


class StoredTotal(NamedTuple):
    """A sum with its place in the payments repository; version 0 where there is none yet."""

    partition: str
    currency: str
    minor: int
    version: int

    def changed(self, by_minor: int) -> Write:
        """Build the write of the sum, changed; it never falls below zero."""
        return Write(
            partition=self.partition,
            sort=self.currency,
            document=dump_json(Total(refund_minor=max(0, self.minor + by_minor))),
            expected_version=self.version,
        )


def case_total(payments: Repository, case_id: str, currency: str) -> StoredTotal:
    """Read what was refunded in a case."""
    return _load(payments, f"case#{case_id}", currency)


def day_total(payments: Repository, customer_id: str, day: str, currency: str) -> StoredTotal:
    """Read what was refunded to a customer on a day, e.g. "2026-11-22"."""
    return _load(payments, f"day#{customer_id}#{day}", currency)


def day_of(instant: datetime) -> str:
    """Return the day of an instant in UTC."""
    return instant.date().isoformat()


def _load(payments: Repository, partition: str, currency: str) -> StoredTotal:
    found = payments.get(partition, currency)
    if found is None:
        return StoredTotal(partition, currency, 0, 0)
    minor = parse_json(Total, found.document).refund_minor
    return StoredTotal(partition, currency, minor, found.version)
