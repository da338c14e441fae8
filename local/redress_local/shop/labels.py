"""The truth about a generated shop's cases, kept apart from the shop."""

from datetime import datetime
from typing import Literal

from redress.models.base import Identifier, Instant, Minor, Model
from redress.models.case import CaseOpened, Statement
from redress.models.investigation import ActionKind, ReasonCode

CaseKind = Literal[
    "duplicate_charge",
    "missing_item",
    "not_delivered",
    "overcharged",
    "refund_not_received",
    "wrong_item",
    "combined",
    "nothing_wrong",
]

LookAlike = Literal[
    "second_order",
    "authorisation_voided",
    "duplicate_refunded",
    "split_tender",
    "return_refunded",
    "promise_not_due",
    "refund_pending",
    "promise_fulfilled",
    "item_refunded",
    "backordered",
    "in_transit",
    "delivered_in_full",
    "several_parcels",
]
"""What looks like an incident and is none."""


class ExpectedAction(Model, frozen=True):
    """What should be done. `amount_minor` is 0 for a reshipment."""

    action: ActionKind
    subject_id: Identifier
    reason_code: ReasonCode
    amount_minor: Minor = 0


class CaseLabel(Model, frozen=True):
    """One case: what the customer writes, and what is true.

    `look_alike` is set when nothing is wrong; `expected_actions` are sorted by subject.
    """

    case_id: Identifier
    customer_id: Identifier
    order_id: Identifier
    statement: Statement
    kind: CaseKind
    look_alike: LookAlike | None = None
    expected_actions: tuple[ExpectedAction, ...] = ()


class Labels(Model, frozen=True):
    """The labelled cases of one shop; `as_of` is the instant at which they open."""

    schema_version: Literal["1"]
    as_of: Instant
    cases: tuple[CaseLabel, ...]


def to_case_opened(label: CaseLabel, at: datetime) -> CaseOpened:
    """Return the event detail that opens a labelled case at an instant."""
    return CaseOpened(
        schema_version="1",
        case_id=label.case_id,
        customer_id=label.customer_id,
        order_id=label.order_id,
        statement=label.statement,
        opened_at=at,
    )
