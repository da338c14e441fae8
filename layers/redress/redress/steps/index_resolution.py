"""IndexResolution: how a case was resolved is kept for those that come after it."""

import hashlib
from typing import Any

import msgspec

from redress.errors import InvalidInputError
from redress.models.base import Identifier, Model, parse
from redress.models.investigation import PRECEDENT, FindingCode
from redress.models.resolution import MAX_ACTIONS, PastAction, PastResolution
from redress.models.settlement import Outcome
from redress.ports import Repository, ResolutionLibrary
from redress.steps.case_records import load_case
from redress.steps.effects import deciding_again

_FIELDS = ("action", "reason_code", "state")


class Indexed(Model, frozen=True):
    """The passage that later cases may be shown, unless as much is known already."""

    passage_id: str


class _Detail(msgspec.Struct):
    case_id: Identifier


class _Event(msgspec.Struct):
    """CaseResolved; all but the id of the case is read from the store."""

    detail: _Detail


def index_resolution(event: Any, cases: Repository, library: ResolutionLibrary) -> Indexed:
    """Keep what the record of a resolved case says in codes; delivered again it changes nothing.

    The event only names the case: whoever may put events cannot make up a resolution.

    Raises:
        InvalidInputError: it is no such event, or the case is not resolved.
        UnknownCaseError: there is no such case.
        DependencyUnavailableError: the store or the knowledge base did not answer.
        ConflictError: other writes kept coming first.
    """
    case_id = parse(_Event, event).detail.case_id
    record = load_case(cases, case_id).record
    if record.status != "resolved" or record.outcome is None:
        raise InvalidInputError(f"case {case_id} is {record.status}, not resolved")
    outcome = parse(Outcome, record.outcome)
    resolution = PastResolution(
        resolution_id=hashlib.sha256(case_id.encode()).hexdigest()[:16],
        closed_at=record.updated_at,
        actions=tuple(_different(outcome.actions)),
        findings=parse(tuple[FindingCode, ...], tuple(dict.fromkeys(outcome.findings))),
    )
    deciding_again(lambda: library.keep(resolution))
    return Indexed(passage_id=f"{PRECEDENT}{resolution.resolution_id}")


def _different(actions: tuple[dict[str, Any], ...]) -> list[PastAction]:
    """Return the codes of actions, each combination once."""
    told = (parse(PastAction, {name: each.get(name) for name in _FIELDS}) for each in actions)
    return list(dict.fromkeys(told))[:MAX_ACTIONS]
