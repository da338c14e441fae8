"""What a customer sees of a case, wherever it is shown."""

from typing import Any

from redress.errors import UnknownCaseError
from redress.models.base import Identifier, Instant, Model
from redress.models.case import CaseRecord, CaseStatus
from redress.ports import Repository
from redress.steps.case_records import find_case

# What was done to the customer's money and goods; policy's reasons and hashes are for staff.
_SHOWN = ("action", "subject_id", "amount_minor", "currency", "quantity", "state")


class CaseView(Model, frozen=True):
    """A customer's own case. `actions` and `explanation` are there once it has ended."""

    case_id: Identifier
    order_id: Identifier
    status: CaseStatus
    opened_at: Instant
    updated_at: Instant
    actions: tuple[dict[str, Any], ...] = ()
    explanation: str | None = None


def view_case(cases: Repository, case_id: str, customer_id: str) -> CaseView:
    """Show a case to its customer.

    Raises:
        UnknownCaseError: there is no such case yet, or it is another customer's.
        DependencyUnavailableError: the store did not answer.
    """
    found = find_case(cases, case_id)
    if found is None or found.record.customer_id != customer_id:
        raise UnknownCaseError(f"you have no case {case_id}; one just opened takes a moment")
    return _view(found.record)


def shown_actions(outcome: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The actions of an outcome, as far as they are the customer's."""
    return tuple(
        {key: action[key] for key in _SHOWN if key in action}
        for action in outcome.get("actions") or ()
    )


def _view(record: CaseRecord) -> CaseView:
    outcome = record.outcome or {}
    return CaseView(
        case_id=record.case_id,
        order_id=record.order_id,
        status=record.status,
        opened_at=record.opened_at,
        updated_at=record.updated_at,
        actions=shown_actions(outcome),
        explanation=outcome.get("explanation"),
    )
