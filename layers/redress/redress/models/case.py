"""A case from the event that opens it to its outcome."""

from typing import Annotated, Any, Literal, get_args

import msgspec

from redress.models.base import Identifier, Instant, Model

Pattern = Literal["evidence-first", "monolith", "pipeline", "orchestrator", "swarm"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

CaseStatus = Literal["open", "awaiting_approval", "resolved", "rejected", "failed"]

Statement = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
"""What the customer wrote: untrusted text, data only."""


class CaseOpened(Model, frozen=True):
    """Detail of the event that opens a case (events/schemas/CaseOpened.json)."""

    schema_version: Literal["1"]
    case_id: Identifier
    customer_id: Identifier
    order_id: Identifier
    statement: Statement
    pattern: Pattern | None = None
    opened_at: Instant | None = None
    grant_id: Identifier | None = None


class SupportCase(Model, frozen=True):
    """A case whose order exists and belongs to its customer.

    `as_of` is the instant by which lateness is judged: when the case was opened.
    `skus` are the products of the order, so that inventory can be asked without orders.
    `grant_id` names what its customer lets Redress do about it; it is no secret.
    """

    case_id: Identifier
    customer_id: Identifier
    order_id: Identifier
    statement: Statement
    pattern: Pattern
    as_of: Instant
    skus: tuple[Identifier, ...]
    grant_id: Identifier


class CaseRequest(Model, frozen=True):
    """Input of the steps that need the case only."""

    case: SupportCase


class ClaimRequest(Model, frozen=True):
    """Input of ClaimCase."""

    case: SupportCase
    execution_id: str


class CaseClaim(Model, frozen=True):
    """Who works on a case. `attempt` counts executions that took it over, from 1."""

    case_id: Identifier
    execution_id: str
    attempt: int


class CaseRecord(Model, frozen=True):
    """The case as the store keeps it: one record a case.

    `owner` is the execution that works on it until `owned_until`; `outcome` is set once ended.
    `ruling_hash` is the `proposal_hash` of this attempt's ruling: nothing else is settled.
    `grant_id` names what the customer lets Redress do about it: without one, nothing.
    """

    case_id: Identifier
    customer_id: Identifier
    order_id: Identifier
    pattern: Pattern
    status: CaseStatus
    owner: str
    owned_until: Instant
    attempt: int
    opened_at: Instant
    updated_at: Instant
    ruling_hash: str | None = None
    grant_id: Identifier | None = None
    outcome: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
