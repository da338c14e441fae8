"""A domain's own agent: reads its domain's records by MCP tools and reports what they hold."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from strands.models.model import Model
from strands.types.tools import AgentTool

from redress.agents.budget import Budget
from redress.models.investigation import DomainName, DomainReport, DomainRequest, EvidenceBundle
from redress.ports import TokenBroker

DOMAIN_BUDGET = Budget(model_calls=8, total_tokens=80_000, cost_usd_micros=400_000)
"""What one domain's agent may use for one question: a fifth of a whole case."""


class Definition(Protocol):
    """What makes an agent the one of its domain: domains/<d>/agent.py has them."""

    @property
    def domain(self) -> DomainName:
        """The domain."""
        ...

    @property
    def prompt(self) -> str:
        """The instructions."""
        ...


class DomainTools(Protocol):
    """A domain's tools for one case, and what they have returned so far."""

    @property
    def tools(self) -> Sequence[AgentTool]:
        """The tools, as Strands takes them."""
        ...

    def seen(self) -> EvidenceBundle:
        """Return all that the tools returned: the agent's evidence, whatever its model writes."""
        ...


Connect = Callable[[Callable[[], str]], AbstractContextManager[DomainTools]]
"""Opens a domain's tools, given what makes an access token for each call of one."""


def run_domain_agent(
    definition: Definition,
    request: DomainRequest,
    broker: TokenBroker,
    connect: Connect,
    model_factory: Callable[[], Model],
    *,
    budget: Budget = DOMAIN_BUDGET,
) -> DomainReport:
    """Let a domain's agent look at one case.

    Args:
        definition: The domain and its instructions.
        request: The case and what is asked about it.
        broker: Exchanges the case's grant for tokens that the domain's tools take.
        connect: Opens the domain's tools.
        model_factory: Makes the language model.
        budget: Limits of this agent, within those of the case.

    Returns:
        The report; its evidence is what the tools returned, its `usage` this agent's own. A user
        who may not read the domain gets one without evidence that misses `<domain>/not_permitted`.

    Raises:
        BudgetExceededError: the agent's budget is used up.
        ModelThrottledError, DependencyUnavailableError: a model or store did not answer; try
            again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    raise NotImplementedError
