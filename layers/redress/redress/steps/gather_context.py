"""GatherContext: the passages of the refund policy that matter to a case, and a case like it."""

from redress.errors import DependencyUnavailableError
from redress.models.case import CaseRequest
from redress.models.investigation import Context
from redress.ports import PassageIndex

LIMIT = 4
"""Passages of the policy."""

EARLIER_CASES = 1
"""Past resolutions, beside the policy and never in its place: they show usage and rule nothing."""

FALLBACK = "duplicate charge missing item not delivered overcharged promised refund wrong item"
"""What a dispute is about, for statements that share no word with the policy."""


def gather_context(
    request: CaseRequest, policy: PassageIndex, resolutions: PassageIndex
) -> Context:
    """Retrieve the passages that fit what the customer wrote, those of the policy first.

    Raises:
        DependencyUnavailableError: the policy holds nothing; without it nobody decides.
    """
    statement = request.case.statement
    found = policy.search(statement, LIMIT) or policy.search(FALLBACK, LIMIT)
    if not found:
        raise DependencyUnavailableError("the refund policy cannot be searched")
    try:
        earlier = resolutions.search(statement, EARLIER_CASES)
    except DependencyUnavailableError:
        # A case can be decided without an example.
        earlier = []
    return Context(passages=(*found, *earlier))
