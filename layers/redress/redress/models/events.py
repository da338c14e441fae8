"""The details of the events on the bus; events/schemas holds their JSON Schemas.

`CaseOpened` is in models/case.py; `Outcome`, the detail of CaseResolved and CaseRejected, in
models/settlement.py.
"""

from typing import Annotated, Any, Literal

import msgspec

from redress.models.base import Identifier, Instant, Model
from redress.models.settlement import RuledAction

Stage = Literal["claimed", "ruled", "refunded", "shipped"]

SOURCE = "redress"
"""`source` of every event that Redress publishes; anybody may open a case."""


class CaseProgressed(Model, frozen=True):
    """A case took a step that its customer may like to hear of.

    `attempt` counts the executions that took the case over, from 1. `facts` are the stage's own:
    the pattern when claimed, the next step and the actions when ruled, the effects when refunded
    or shipped.
    """

    schema_version: Literal["1"]
    case_id: Identifier
    order_id: Identifier
    customer_id: Identifier
    stage: Stage
    attempt: int
    at: Instant
    facts: dict[str, Any]


class ApprovalRequested(Model, frozen=True):
    """A human is asked to approve what `actions` say, all of it derived from the ledger.

    The answer must name `proposal_hash` and come before `expires_at`. `escalation` is 0 for the
    first approver, 1 for the next.
    """

    schema_version: Literal["1"]
    case_id: Identifier
    order_id: Identifier
    customer_id: Identifier
    proposal_hash: str
    escalation: int
    requested_at: Instant
    expires_at: Instant
    actions: tuple[RuledAction, ...]


class CaseFailed(Model, frozen=True):
    """A case is parked for an operator. Ids are null where the event that came in had none.

    `error` is a class name of redress.errors or a States.* name; `reason` is one plain line.
    """

    schema_version: Literal["1"]
    case_id: Identifier | None
    order_id: Identifier | None
    customer_id: Identifier | None
    status: Literal["failed"]
    execution_id: str
    error: str
    reason: Annotated[str, msgspec.Meta(max_length=4_000)]
    failed_at: Instant
