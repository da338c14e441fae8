"""Order guards: a refund or a shipment is added to an order together with a write of its guard.

What an order is owed follows from all its records, so a version check on some of them is not
enough: two cases could each add a refund that is right without the other's.
"""

from collections import Counter
from typing import Literal

from redress.domains.orders.gateway import partition_key as order_partition
from redress.domains.payments.models import PaymentFacts
from redress.models.base import Identifier, Model, Quantity, dump_json, parse_json
from redress.ports import Record, Repository, Write

GUARD = "guard"
CLAIM = "claim#"


class LineClaim(Model, frozen=True):
    """Pieces of a line that a refund is about to pay for, so that nobody sends them meanwhile."""

    line_id: Identifier
    quantity: Quantity
    effect_key: Identifier
    status: Literal["held", "released"]


def read_guard(repository: Repository, order_id: str) -> int:
    """Return the version of an order's guard; read it before the order's other records."""
    found = repository.get(order_partition(order_id), GUARD)
    return found.version if found else 0


def put_guard(order_id: str, expected_version: int) -> Write:
    """Build the write that makes every other addition to the order decide again."""
    return Write(
        partition=order_partition(order_id),
        sort=GUARD,
        document=b"{}",
        expected_version=expected_version,
    )


def claimed_pieces(
    orders: Repository, order_id: str, payments: PaymentFacts, but: str
) -> Counter[str]:
    """Return the pieces of each line claimed for refunds that the payments do not show yet.

    The claim of effect `but` is left out.
    """
    shown = {r.effect_key for r in payments.refunds if r.status in ("pending", "completed")}
    pieces = Counter[str]()
    for record in orders.query(order_partition(order_id), CLAIM):
        claim = parse_json(LineClaim, record.document)
        if claim.status == "held" and claim.effect_key != but and claim.effect_key not in shown:
            pieces[claim.line_id] += claim.quantity
    return pieces


def find_claim(orders: Repository, order_id: str, effect_key: str) -> Record | None:
    """Read the claim of an effect, if it made one."""
    return orders.get(order_partition(order_id), f"{CLAIM}{effect_key}")


def put_claim(order_id: str, claim: LineClaim, expected_version: int) -> Write:
    """Build the write of a claim; version 0 creates it."""
    return Write(
        partition=order_partition(order_id),
        sort=f"{CLAIM}{claim.effect_key}",
        document=dump_json(claim),
        expected_version=expected_version,
    )
