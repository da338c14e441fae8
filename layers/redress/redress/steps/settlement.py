"""What every step of the settlement checks before it changes anything."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from redress.errors import (
    ApprovalDeniedError,
    ApprovalMismatchError,
    CompensationFailedError,
)
from redress.identity.grants import Grants
from redress.identity.scopes import audience
from redress.models.case import CaseRecord
from redress.models.identity import Scope
from redress.models.investigation import ActionKind, DomainName
from redress.models.settlement import Effect, RuledAction, Ruling, SettlementRequest, StepResult
from redress.ports import Repository
from redress.steps.canonical import proposal_hash
from redress.steps.case_records import find_approval, load_owned

REFUNDS: tuple[ActionKind, ...] = ("refund_payment", "refund_line")
RESHIPMENTS: tuple[ActionKind, ...] = ("reship_line",)


class Mandate(NamedTuple):
    """What a settlement may go by.

    Lateness is judged as of `as_of`, as it was when ruled. `grant_id` names what the customer lets
    Redress do, as the case's claim kept it.
    """

    as_of: datetime
    grant_id: str | None


def executable(ruling: Ruling, kinds: tuple[ActionKind, ...]) -> list[RuledAction]:
    """Return the actions of some kinds that are not denied, in the order ruled."""
    return [a for a in ruling.actions if a.decision != "deny" and a.action in kinds]


def check_mandate(request: SettlementRequest, cases: Repository) -> Mandate:
    """Check that this attempt owns its case, that it was ruled so, and that humans approved it.

    Neither the hash nor the approval in the request is proof of anything: whoever may start the
    settlement can make them up. The stored ones count.

    Raises:
        UnknownCaseError: there is no such case.
        CaseAlreadySettledError: the case has ended.
        CaseOwnedElsewhereError: a later attempt has taken the case over, or it is another's.
        ApprovalMismatchError: something else was ruled in this attempt, or approved.
        ApprovalDeniedError: a human said no.
    """
    ruling = request.ruling
    case = load_owned(cases, ruling, request.attempt).record
    check_ruled(ruling, case)
    if any(action.decision == "needs_approval" for action in ruling.actions):
        _check_approval(ruling, cases)
    return Mandate(as_of=case.opened_at, grant_id=case.grant_id)


def check_right(
    mandate: Mandate,
    ruling: Ruling,
    actions: Sequence[RuledAction],
    grants: Grants,
    domain: DomainName,
    scope: Scope,
) -> None:
    """Check that the customer asked for what these actions do, if there are any.

    Raises:
        AccessDeniedError: the customer did not, or not any more.
    """
    if actions:
        grants.authorise(
            ruling,
            mandate.grant_id,
            workload="settlement",
            audience=audience(domain, "records"),
            scope=scope,
        )


def check_ruled(ruling: Ruling, case: CaseRecord) -> None:
    """Check that a ruling is the one that policy made, and kept, in the case's attempt.

    Raises:
        ApprovalMismatchError: it was changed on its way, or made up.
    """
    found = proposal_hash(ruling.case_id, ruling.order_id, ruling.customer_id, ruling.actions)
    if found != ruling.proposal_hash:
        raise ApprovalMismatchError(f"the ruling on case {case.case_id} is not what was hashed")
    if found != case.ruling_hash:
        raise ApprovalMismatchError(f"the ruling on case {case.case_id} is not what was ruled")


def undo_each(actions: Sequence[RuledAction], undo: Callable[[RuledAction], Effect]) -> StepResult:
    """Undo all actions, the last one first, even if one of them cannot be undone.

    Raises:
        CompensationFailedError: some could not be; the message names all of them.
    """
    effects: list[Effect] = []
    failures: list[CompensationFailedError] = []
    for action in reversed(actions):
        try:
            effects.append(undo(action))
        except CompensationFailedError as error:
            failures.append(error)
    if failures:
        raise CompensationFailedError("; ".join(map(str, failures))) from failures[0]
    return StepResult(effects=tuple(effects))


def nothing_done(ruling: Ruling, action: RuledAction, name: str) -> Effect:
    """Return the record of an effect that was given up before it happened."""
    return Effect(
        effect_key=action.effect_key,
        case_id=ruling.case_id,
        action=name,
        subject_id=action.subject_id,
        state="skipped",
    )


def _check_approval(ruling: Ruling, cases: Repository) -> None:
    stored = find_approval(cases, ruling.case_id)
    answer = stored.request.answer if stored else None
    if answer is None:
        raise ApprovalMismatchError(f"nobody approved the settlement of case {ruling.case_id}")
    if answer.proposal_hash != ruling.proposal_hash:
        raise ApprovalMismatchError(f"another settlement of case {ruling.case_id} was approved")
    if answer.decision != "approve":
        raise ApprovalDeniedError(f"{answer.approver} denied the settlement")
