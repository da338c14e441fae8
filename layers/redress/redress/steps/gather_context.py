"""GatherContext: the passages of the refund policy that matter to a case."""

from redress.errors import DependencyUnavailableError
from redress.models.case import CaseRequest
from redress.models.investigation import Context
from redress.ports import PassageIndex

LIMIT = 4

FALLBACK = "duplicate charge missing item not delivered overcharged promised refund wrong item"
"""What a dispute is about, for statements that share no word with the policy."""


def gather_context(request: CaseRequest, passages: PassageIndex) -> Context:
    """Retrieve the passages that fit what the customer wrote.

    Raises:
        DependencyUnavailableError: the policy holds nothing; without it nobody decides.
    """
    found = passages.search(request.case.statement, LIMIT) or passages.search(FALLBACK, LIMIT)
    if not found:
        raise DependencyUnavailableError("the refund policy cannot be searched")
    return Context(passages=tuple(found))
