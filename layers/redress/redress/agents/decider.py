"""The agent that concludes from what others gathered: records, or the domains' agents' reports."""

from collections.abc import Callable
from typing import Any

from strands import tool
from strands.models.model import Model
from strands.types.tools import ToolContext

from redress.agents.budget import DEFAULT_BUDGET, Budget, Meter
from redress.agents.contract import KnownEvidence, as_passages, check_conclusion, read_conclusion
from redress.agents.investigate import investigate
from redress.agents.run import as_data, model_id, prompt
from redress.agents.tools import Conclusions, conclude_schema
from redress.models.investigation import Investigation, InvestigationRequest


class Decider:
    """The decider's only tool, bound to one case."""

    def __init__(self, request: InvestigationRequest) -> None:
        reported = (report.evidence for report in request.reports)
        self.known = KnownEvidence([*request.evidence, *reported])
        self._request = request
        self.conclusions = Conclusions(self._accept)

    @tool(
        name="conclude",
        description="Conclude the case. Call it once, with everything.",
        inputSchema=conclude_schema(with_actions=True),
        context=True,
    )
    async def conclude(self, tool_context: ToolContext) -> dict[str, Any]:
        """Take the conclusion."""
        return self.conclusions.take(tool_context.tool_use["input"])

    def _accept(self, arguments: Any) -> tuple[Any, Any]:
        conclusion = read_conclusion(arguments)
        return conclusion, check_conclusion(conclusion, self.known, self._request.passages)


def conclude_investigation(
    request: InvestigationRequest,
    model_factory: Callable[[], Model],
    *,
    budget: Budget = DEFAULT_BUDGET,
) -> Investigation:
    """Conclude a case from its evidence in one model call.

    Args:
        request: The case, its evidence or the domains' reports, the policy passages, and what was
            spent on it before. Of the reports only the evidence is shown, not their agents' words.
        model_factory: Makes the language model.
        budget: Limits of the whole case.

    Returns:
        The investigation, of the case's own pattern; its `usage` includes what was spent before.

    Raises:
        InvalidProposalError: the model's answer breaks the contract.
        BudgetExceededError: the case's budget is used up.
        ModelThrottledError, DependencyUnavailableError: the model did not answer; try again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    agent, model = Decider(request), model_factory()
    return investigate(
        request,
        request.case.pattern,
        model,
        Meter(model_id(model), budget, request.spent_so_far),
        system_prompt=prompt("decider", "rules"),
        tools=[agent.conclude],
        message=case_message(request, agent.known),
        turns=1,
        known=agent.known,
        conclusions=agent.conclusions,
    )


def case_message(request: InvestigationRequest, known: KnownEvidence) -> str:
    """Return the user message: all that is known, as data."""
    data: dict[str, Any] = {
        "case": {
            "case_id": request.case.case_id,
            "order_id": request.case.order_id,
            "as_of": request.case.as_of,
            "statement": request.case.statement,
        },
        "passages": as_passages(request.passages),
        "evidence": known.facts(),
    }
    if known.missing:
        data["missing"] = known.missing
    return as_data("case_data", data)
