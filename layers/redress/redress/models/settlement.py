"""Rulings, approvals, effects and outcomes: what the state machine decides and does."""

from typing import Annotated, Any, Literal

import msgspec

from redress.models.base import Currency, Identifier, Instant, Minor, Model
from redress.models.case import Pattern, SupportCase
from redress.models.investigation import (
    ActionKind,
    Investigation,
    Passage,
    Proposal,
    ReasonCode,
    Reconciliation,
)

Decision = Literal["allow", "needs_approval", "deny"]
NextStep = Literal["settle", "approve", "deny", "explain"]
EffectState = Literal["done", "compensated", "skipped"]


class RuledAction(Model, frozen=True):
    """One proposed action after the ledger and Cedar had their say.

    Every amount and payee is derived from the ledger: `payee` is the instrument of the payment
    refunded (`payment_id`); a reshipment has `sku` and `quantity` and no money.
    """

    action: ActionKind
    subject_id: Identifier
    reason_code: ReasonCode
    decision: Decision
    reasons: tuple[str, ...]
    effect_key: str
    amount_minor: Minor = 0
    currency: Currency | None = None
    payee: str | None = None
    payment_id: str | None = None
    line_id: str | None = None
    sku: str | None = None
    quantity: int = 0


class Ruling(Model, frozen=True):
    """What may be done about a case. `proposal_hash` covers all that would be executed."""

    case_id: Identifier
    order_id: Identifier
    customer_id: Identifier
    next_step: NextStep
    actions: tuple[RuledAction, ...]
    proposal_hash: str
    reasons: tuple[str, ...] = ()


class Approval(Model, frozen=True):
    """A human's answer, bound to what was shown."""

    case_id: Identifier
    proposal_hash: str
    approver: str
    decision: Literal["approve", "deny"]
    decided_at: Instant
    comment: str = ""


class ApprovalRequest(Model, frozen=True):
    """A question to a human, kept until answered. `task_token` never leaves the store."""

    case_id: Identifier
    proposal_hash: str
    escalation: int
    requested_at: Instant
    expires_at: Instant
    task_token: str
    ruling: Ruling
    answer: Approval | None = None


class ApprovalAnswer(Model, frozen=True):
    """Input of AnswerApproval: what an authenticated human answers.

    With `proposal_hash` the answer is for that settlement only; without, for the one in question.
    """

    case_id: Identifier
    decision: Literal["approve", "deny"]
    approver: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    comment: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    proposal_hash: str | None = None


class DecisionRequest(Model, frozen=True):
    """Input of DecideByPolicy: all that is known before anything is allowed."""

    case: SupportCase
    attempt: int
    investigation: Investigation
    passages: tuple[Passage, ...]
    reconciliation: Reconciliation


class ApprovalQuestion(Model, frozen=True):
    """Input of AwaitApproval. `retries` counts how often this state was tried before."""

    ruling: Ruling
    retries: int
    timeout_seconds: int
    task_token: str


class SettlementRequest(Model, frozen=True):
    """Input of every step of the settlement: do, or undo, the ruling's allowed actions.

    `attempt` counts the executions that took the case over: what an earlier one compensated may
    be done again, what it did is not.
    """

    ruling: Ruling
    attempt: int
    approval: Approval | None = None


class Effect(Model, frozen=True):
    """One change of a system of record, recorded with it in one transaction."""

    effect_key: str
    case_id: Identifier
    action: str
    subject_id: Identifier
    state: EffectState
    amount_minor: Minor = 0
    currency: Currency | None = None
    payee: str | None = None
    reference: str = ""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class EffectRecord(Model, frozen=True):
    """An effect as its store keeps it, beside the change that it made.

    `attempt` is the last one that did or undid it, and fences off what earlier ones still try.
    `action` is what was ruled.
    """

    effect: Effect
    attempt: int
    action: RuledAction


class StepResult(Model, frozen=True):
    """What a settlement step did; the same list when asked again."""

    effects: tuple[Effect, ...]


class ClosingRequest(Model, frozen=True):
    """Input of CloseCase. A rejected event has no `case`; then `event` says what came in."""

    execution_id: str
    event: Any
    case: SupportCase | None = None
    rejection: dict[str, Any] | None = None
    proposal: Proposal | None = None
    ruling: Ruling | None = None
    denial: dict[str, Any] | None = None
    effects: tuple[tuple[Effect, ...], ...] = ()


class FailureReport(Model, frozen=True):
    """Input of RecordFailure: the execution, the event it began with, and what went wrong."""

    execution_id: str
    event: Any
    failure: Any


class Outcome(Model, frozen=True):
    """How a case ended; the detail of CaseResolved and CaseRejected."""

    schema_version: Literal["1"]
    case_id: str
    order_id: str | None
    customer_id: str | None
    status: Literal["resolved", "rejected"]
    pattern: Pattern | None
    actions: tuple[dict[str, Any], ...]
    findings: tuple[str, ...]
    explanation: str
    reasons: tuple[str, ...]


class Closing(Model, frozen=True):
    """Output of CloseCase: the event to publish."""

    detail_type: Literal["CaseResolved", "CaseRejected"]
    detail: Outcome
