"""What all agents that conclude have in common: one agent run on a case, and what comes of it."""

from collections.abc import Sequence

from strands.models.model import Model
from strands.types.tools import AgentTool

from redress.agents.budget import Meter
from redress.agents.contract import KnownEvidence
from redress.agents.run import model_id, require_conclusion, run_agent
from redress.agents.tools import Conclusions
from redress.models.case import Pattern
from redress.models.investigation import Investigation, InvestigationRequest


def investigate(
    request: InvestigationRequest,
    pattern: Pattern,
    model: Model,
    meter: Meter,
    *,
    system_prompt: str,
    tools: Sequence[AgentTool],
    message: str,
    turns: int,
    known: KnownEvidence,
    conclusions: Conclusions,
    side_by_side: bool = False,
) -> Investigation:
    """Run an agent on a case and return what it concluded.

    Args:
        request: The case.
        pattern: The pattern that the agent is of.
        model: The language model.
        meter: Counts on top of what the case has used before.
        system_prompt: Instructions, never data.
        tools: What the agent may call.
        message: The user message.
        turns: The most model calls of this run.
        known: The evidence that the agent has, or retrieves while it runs.
        conclusions: Takes the agent's answer.
        side_by_side: Whether tools that are called in one turn run at the same time.

    Raises:
        InvalidProposalError: the model never concluded in a way that keeps the contract.
        BudgetExceededError: the case's budget is used up.
        ModelThrottledError, DependencyUnavailableError: the model did not answer; try again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    result = run_agent(
        model,
        system_prompt,
        tools,
        message,
        meter,
        turns=turns,
        conclusions=conclusions,
        side_by_side=side_by_side,
    )
    conclusion, proposal = require_conclusion(conclusions, result, turns)
    return Investigation(
        case_id=request.case.case_id,
        pattern=pattern,
        evidence=known.items,
        missing=known.missing,
        conclusive=conclusion.conclusive,
        proposal=proposal,
        program=conclusion.program,
        usage=meter.usage,
        model=model_id(model),
    )
