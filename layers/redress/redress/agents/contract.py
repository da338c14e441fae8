"""What an agent may answer, and the checks that turn an answer into a proposal."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from redress.errors import InvalidInputError, InvalidProposalError
from redress.models.base import Model, parse
from redress.models.investigation import (
    PRECEDENT,
    UNAVAILABLE,
    ActionKind,
    DomainName,
    Evidence,
    EvidenceBundle,
    FindingCode,
    Passage,
    Program,
    Proposal,
    ProposedAction,
)

MAX_ACTIONS = 16
MAX_CITATIONS = 64
MAX_PROGRAM_BYTES = 8 * 1024

PAYMENT_REASONS = ("duplicate_charge", "overcharged", "refund_not_received")
LINE_REASONS = ("missing_item", "not_delivered", "wrong_item")


_WRAPPED = re.compile(r"(?<!\n)\n(?![\n|-])")
"""A line's end within a paragraph: it costs a model more than a blank, and says nothing."""


class Conclusion(Model, frozen=True):
    """Arguments of the tool `conclude`, as the model wrote them."""

    conclusive: bool
    actions: Annotated[tuple[ProposedAction, ...], msgspec.Meta(max_length=MAX_ACTIONS)] = ()
    findings: Annotated[tuple[FindingCode, ...], msgspec.Meta(max_length=16)] = ()
    citations: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=200)], ...],
        msgspec.Meta(max_length=MAX_CITATIONS),
    ] = ()
    explanation: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    program: Program = ""


class KnownEvidence:
    """The evidence that an agent has seen: what it may cite and what it may act on."""

    def __init__(self, bundles: Iterable[EvidenceBundle] = ()) -> None:
        self._items: dict[str, Evidence] = {}
        self._missing: dict[str, None] = {}
        for bundle in bundles:
            self.add(bundle)

    def add(self, bundle: EvidenceBundle) -> None:
        """Take over a bundle's items, and what it misses."""
        for item in bundle.items:
            self._items[item.evidence_id] = item
        self._missing.update(dict.fromkeys(bundle.missing))

    def answered(self, domain: DomainName) -> None:
        """Note that a domain which gave no answer before has given one."""
        self._missing.pop(f"{domain}/{UNAVAILABLE}", None)

    @property
    def items(self) -> tuple[Evidence, ...]:
        """Return the items in the order in which they were seen."""
        return tuple(self._items.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what no domain could find."""
        return tuple(self._missing)

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return the facts by evidence id: what a model is shown."""
        return {name: item.facts for name, item in self._items.items()}

    def payment_ids(self) -> set[str]:
        """Return the ids of the case's own payments."""
        return {
            name.removeprefix("payments/")
            for name, item in self._items.items()
            if item.domain == "payments" and "instrument" in item.facts
        }

    def line_ids(self) -> set[str]:
        """Return the ids of the lines of the case's own order."""
        return {
            line["line"]
            for item in self._items.values()
            if item.domain == "orders"
            for line in item.facts.get("lines", ())
        }

    def __contains__(self, evidence_id: object) -> bool:
        return evidence_id in self._items


def as_passages(passages: Iterable[Passage]) -> dict[str, str]:
    """Return passages by id as a model is shown them: prose unwrapped, tables as they are."""
    return {p.passage_id: _WRAPPED.sub(" ", p.text.strip()) for p in passages}


def read_conclusion(arguments: Any) -> Conclusion:
    """Read what a model passed to `conclude`.

    Raises:
        InvalidProposalError: it does not fit the tool's schema; the message names the place.
    """
    try:
        return parse(Conclusion, arguments)
    except InvalidInputError as error:
        raise InvalidProposalError(f"the conclusion breaks its schema: {error}") from error


def check_action(action: ProposedAction, known: KnownEvidence) -> None:
    """Check that an action is about the case's own payments and lines.

    Raises:
        InvalidProposalError: the subject was not seen, or the reason is for another action.
    """
    of_payment = action.action == "refund_payment"
    subjects = known.payment_ids() if of_payment else known.line_ids()
    if action.subject_id not in subjects:
        what = "payment" if of_payment else "order line"
        raise InvalidProposalError(
            f"{action.subject_id} is no {what} of this case that the evidence shows"
        )
    if action.reason_code not in (PAYMENT_REASONS if of_payment else LINE_REASONS):
        raise InvalidProposalError(f"{action.reason_code} is no reason for {action.action}")


def check_conclusion(
    conclusion: Conclusion, known: KnownEvidence, passages: Iterable[Passage]
) -> Proposal:
    """Turn a model's conclusion into a proposal.

    Raises:
        InvalidProposalError: it breaks the contract; the message says how.
    """
    seen: set[tuple[str, str]] = set()
    chosen: dict[tuple[str, str], ActionKind] = {}
    for action in conclusion.actions:
        check_action(action, known)
        key = (action.subject_id, action.reason_code)
        if key in seen:
            before = chosen[key]
            raise InvalidProposalError(
                f"{action.subject_id} has two actions for {action.reason_code}: "
                f"{before} and {action.action}; propose one"
            )
        seen.add(key)
        chosen[key] = action.action
    citable = {passage.passage_id for passage in passages}
    unknown = [c for c in conclusion.citations if c not in known and c not in citable]
    if unknown:
        raise InvalidProposalError(f"cited but never retrieved: {', '.join(unknown[:3])}")
    if all(citation.startswith(PRECEDENT) for citation in conclusion.citations):
        raise InvalidProposalError("a proposal must cite evidence or the policy that it relies on")
    try:
        size = len(conclusion.program.encode())
    except UnicodeEncodeError as error:
        raise InvalidProposalError("the program holds a lone surrogate: not valid text") from error
    if size > MAX_PROGRAM_BYTES:
        raise InvalidProposalError(f"the program has {size} bytes, more than {MAX_PROGRAM_BYTES}")
    refunds = any(action.action != "reship_line" for action in conclusion.actions)
    if refunds and not conclusion.program.strip():
        raise InvalidProposalError("a refund needs the reconciliation program")
    return Proposal(
        actions=conclusion.actions,
        findings=tuple(dict.fromkeys(conclusion.findings)),
        citations=tuple(dict.fromkeys(conclusion.citations)),
        explanation=conclusion.explanation,
    )
