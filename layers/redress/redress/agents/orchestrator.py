"""The orchestrator pattern: one agent asks the domains' agents over A2A, and concludes."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from strands import tool
from strands.models.model import Model
from strands.types.tools import ToolContext

from redress.agents.budget import DEFAULT_BUDGET, Budget, Meter
from redress.agents.contract import KnownEvidence, as_passages, check_conclusion, read_conclusion
from redress.agents.domain_agent import DOMAIN_BUDGET
from redress.agents.investigate import investigate
from redress.agents.run import as_data, model_id, prompt
from redress.agents.tools import Conclusions, conclude_schema, failed, ok
from redress.errors import AccessDeniedError, InvalidInputError, RetryableError
from redress.models.case import SupportCase
from redress.models.investigation import (
    NOT_PERMITTED,
    UNAVAILABLE,
    DomainName,
    DomainReport,
    EvidenceBundle,
    Investigation,
    InvestigationRequest,
)

TRIES = 3
"""Conclusions that may break the contract before the run is given up."""

MAX_QUESTION = 2_000
"""Characters of a question to a domain's agent."""


class Asking(Protocol):
    """The way to the domains' agents: `redress.a2a.client.DomainAgents`."""

    def ask(
        self, domain: DomainName, case: SupportCase, question: str, grant_id: str
    ) -> DomainReport:
        """Ask one domain's agent and wait for its report.

        Raises:
            AgentUnavailableError: it did not answer in time, or failed.
            AccessDeniedError: the user does not let the caller ask this domain.
            DependencyUnavailableError: no token was to be had.
        """
        ...


class Orchestrator:
    """The orchestrator's tools, bound to one case: one for each domain's agent, and `conclude`."""

    def __init__(self, request: InvestigationRequest, agents: Asking, meter: Meter) -> None:
        self.known = KnownEvidence()
        self._request = request
        self._agents = agents
        self._meter = meter
        self.conclusions = Conclusions(self._accept, TRIES)

    @property
    def tools(self) -> list[Any]:
        """Return the tools in the order in which they are offered."""
        return [
            self.ask_orders_agent,
            self.ask_payments_agent,
            self.ask_inventory_agent,
            self.conclude,
        ]

    @tool
    async def ask_orders_agent(self, question: str) -> dict[str, Any]:
        """Ask the orders agent: lines, prices, shipments and parcels of the case's order.

        Args:
            question: What to find out, in one or two sentences.
        """
        return await self._ask("orders", question)

    @tool
    async def ask_payments_agent(self, question: str) -> dict[str, Any]:
        """Ask the payments agent: invoice, payments, refunds and refund promises of the order.

        Args:
            question: What to find out, in one or two sentences.
        """
        return await self._ask("payments", question)

    @tool
    async def ask_inventory_agent(self, question: str) -> dict[str, Any]:
        """Ask the inventory agent what is in stock of products of the order.

        Args:
            question: What to find out; name the products that matter.
        """
        return await self._ask("inventory", question)

    @tool(
        name="conclude",
        description="Conclude the case. Call it once, after the agents have answered.",
        inputSchema=conclude_schema(with_actions=True),
        context=True,
    )
    async def conclude(self, tool_context: ToolContext) -> dict[str, Any]:
        """Take the conclusion."""
        return self.conclusions.take(tool_context.tool_use["input"])

    async def _ask(self, domain: DomainName, question: str) -> dict[str, Any]:
        """Delegate; an agent that gives no answer is missing evidence, never a failure."""
        if not question.strip() or len(question) > MAX_QUESTION:
            return failed(InvalidInputError(f"a question has 1 to {MAX_QUESTION} characters"))
        case = self._request.case
        self._meter.hold(DOMAIN_BUDGET)
        try:
            # Several may be asked in one turn: the loop goes on meanwhile.
            report = await asyncio.to_thread(
                self._agents.ask, domain, case, question, case.grant_id
            )
        except AccessDeniedError:
            return self._show(_missing(domain, NOT_PERMITTED))
        except RetryableError:
            return self._show(_missing(domain, UNAVAILABLE))
        finally:
            self._meter.release(DOMAIN_BUDGET)
        self._meter.add(report.usage)
        self.known.answered(domain)
        return self._show(report)

    def _show(self, report: DomainReport) -> dict[str, Any]:
        bundle = report.evidence
        self.known.add(bundle)
        answer: dict[str, Any] = {"evidence": {i.evidence_id: i.facts for i in bundle.items}}
        if bundle.missing:
            answer["missing"] = bundle.missing
        if report.summary:
            answer["summary"] = report.summary
        return ok(answer)

    def _accept(self, arguments: Any) -> tuple[Any, Any]:
        conclusion = read_conclusion(arguments)
        return conclusion, check_conclusion(conclusion, self.known, self._request.passages)


def _missing(domain: DomainName, why: str) -> DomainReport:
    bundle = EvidenceBundle(domain=domain, items=(), missing=(f"{domain}/{why}",))
    return DomainReport(domain=domain, evidence=bundle)


def investigate_orchestrator(
    request: InvestigationRequest,
    agents: Asking,
    model_factory: Callable[[], Model],
    *,
    budget: Budget = DEFAULT_BUDGET,
) -> Investigation:
    """Investigate a case with one agent that asks the domains' agents.

    Args:
        request: The case, the policy passages, and what was spent on it before.
        agents: The way to the domains' agents; they get tokens of the case's grant.
        model_factory: Makes the language model.
        budget: Limits of the whole case, the domains' agents included.

    Returns:
        The investigation; its evidence is what the domains vouch for, its `usage` includes the
        domains' agents and what was spent before. What a domain did not answer is missing as
        `<domain>/unavailable`, what the user may not read as `<domain>/not_permitted`.

    Raises:
        InvalidProposalError: the model never concluded in a way that keeps the contract.
        BudgetExceededError: the case's budget is used up.
        ModelThrottledError, DependencyUnavailableError: the model did not answer; try again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    case = request.case
    model = model_factory()
    meter = Meter(model_id(model), budget, request.spent_so_far)
    agent = Orchestrator(request, agents, meter)
    message = {
        "case": {
            "case_id": case.case_id,
            "order_id": case.order_id,
            "as_of": case.as_of,
            "statement": case.statement,
        },
        "passages": as_passages(request.passages),
    }
    return investigate(
        request,
        "orchestrator",
        model,
        meter,
        system_prompt=prompt("orchestrator", "rules"),
        tools=agent.tools,
        message=as_data("case_data", message),
        turns=budget.model_calls,
        known=agent.known,
        conclusions=agent.conclusions,
        side_by_side=True,
    )
