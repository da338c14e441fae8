"""What an investigation takes and returns, whichever pattern runs it."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

import msgspec

from redress.models.base import Identifier, Model
from redress.models.case import Pattern, SupportCase

ActionKind = Literal["refund_payment", "refund_line", "reship_line"]
ReasonCode = Literal[
    "duplicate_charge",
    "overcharged",
    "refund_not_received",
    "missing_item",
    "not_delivered",
    "wrong_item",
]
FindingCode = Literal[
    "second_order",
    "authorisation_voided",
    "already_refunded",
    "backordered",
    "in_transit",
    "refund_in_progress",
    "delivered",
    "charged_as_invoiced",
]
"""Why nothing is wrong although it looked so."""

DomainName = Literal["orders", "payments", "inventory"]
DOMAINS: tuple[DomainName, ...] = get_args(DomainName)

UNAVAILABLE = "unavailable"
"""`<domain>/unavailable` is missing where a domain's agent gave no answer."""
NOT_PERMITTED = "not_permitted"
"""`<domain>/not_permitted` is missing where the user may not read the domain."""

Program = Annotated[str, msgspec.Meta(max_length=32_768)]


PRECEDENT = "resolution#"
"""How the id of a past resolution begins; no file of policies/ is called so."""


class Passage(Model, frozen=True):
    """A piece of the refund policy, e.g. id `refund-policy#duplicate-charges`; or how an earlier
    case was resolved, id `resolution#...`: an example, which no proposal can rest on alone.
    """

    passage_id: str
    title: str
    text: str
    score: float = 0.0


class Evidence(Model, frozen=True):
    """Facts that one domain vouches for.

    `evidence_id` is what proposals cite, e.g. `payments/pay_2`; `facts` is trimmed JSON.
    """

    evidence_id: str
    domain: DomainName
    summary: str
    facts: dict[str, Any]


class EvidenceBundle(Model, frozen=True):
    """All that one domain knows about a case; `missing` names what it could not find."""

    domain: DomainName
    items: tuple[Evidence, ...]
    missing: tuple[str, ...] = ()


def unanswered(missing: Iterable[str]) -> tuple[DomainName, ...]:
    """Return the domains that gave no answer at all, by what an investigation misses."""
    names = frozenset(missing)
    whole = (UNAVAILABLE, NOT_PERMITTED)
    return tuple(d for d in DOMAINS if any(f"{d}/{name}" in names for name in whole))


class ProposedAction(Model, frozen=True):
    """What an agent would like done: no amount and no payee, ever.

    `subject_id` is a payment id for refund_payment and a line id otherwise.
    """

    action: ActionKind
    subject_id: Identifier
    reason_code: ReasonCode


class Proposal(Model, frozen=True):
    """The agent's conclusion. `citations` are evidence ids and passage ids."""

    actions: tuple[ProposedAction, ...]
    findings: tuple[FindingCode, ...] = ()
    citations: tuple[str, ...] = ()
    explanation: Annotated[str, msgspec.Meta(max_length=4_000)] = ""


class Usage(Model, frozen=True):
    """What the models of an investigation used; bytes are the JSON text sent to the model."""

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_bytes: int = 0
    tool_calls: int = 0
    cost_usd_micros: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the usage of both together."""
        names = self.__struct_fields__
        return Usage(*(getattr(self, name) + getattr(other, name) for name in names))


class DomainReport(Model, frozen=True, kw_only=True):
    """What one domain's agent found out: facts that its domain vouches for, and a few words.

    `summary` is what the model wrote: untrusted, and never evidence.
    """

    domain: DomainName
    evidence: EvidenceBundle
    summary: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    usage: Usage = Usage()
    model: str = ""


class DomainRequest(Model, frozen=True, kw_only=True):
    """Input of a domain's agent: a case, and what is asked about it.

    Attributes:
        case: The case; the agent sees no other.
        question: What whoever delegates wants to know: words of a model, so data only. Empty for
            everything that matters to the case.
        grant_id: What the agent may do for the user, where it is less than the case's own grant.
        reports: What other domains' agents found before, the earliest first.
    """

    case: SupportCase
    question: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    grant_id: Identifier | None = None
    reports: tuple[DomainReport, ...] = ()


class Context(Model, frozen=True):
    """Output of GatherContext."""

    passages: tuple[Passage, ...]


class InvestigationRequest(Model, frozen=True):
    """Contract in: the case, the policy passages, and evidence where it was fetched before.

    `evidence` is what the domains' records say, `reports` what their agents retrieved. `spent` is
    what an earlier try on the same case used, without `reports`: budgets are cumulative.
    """

    case: SupportCase
    passages: tuple[Passage, ...]
    evidence: tuple[EvidenceBundle, ...] = ()
    spent: Usage | None = None
    reports: tuple[DomainReport, ...] = ()

    @property
    def spent_so_far(self) -> Usage:
        """Return what the case has used: earlier tries, and the agents that reported."""
        return sum((report.usage for report in self.reports), self.spent or Usage())


class Investigation(Model, frozen=True):
    """Contract out. `conclusive` is False when evidence is missing or conflicts."""

    case_id: Identifier
    pattern: Pattern
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    conclusive: bool
    proposal: Proposal
    program: Program
    usage: Usage
    model: str


class Reconciliation(Model, frozen=True):
    """What the agent's program printed: untrusted, only ever compared with the ledger.

    `value` has the shape that the prompts ask for: `{"refund_minor": {subject id: int}}`.
    """

    ok: bool
    value: Any = None
    error: dict[str, str] | None = None
    engine: str = ""
    engine_version: str = ""
    code_sha256: str = ""
    input_sha256: str = ""
    output_sha256: str = ""


class ReconcileRequest(Model, frozen=True):
    """Input of Reconcile: the agent's program and the evidence it sees as `INPUT`."""

    program: Program
    evidence: tuple[Evidence, ...]
