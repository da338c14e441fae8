"""A domain's own agent: reads its domain's records by MCP tools and reports what they hold."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from strands.models.model import Model

from redress.agents.budget import DEFAULT_BUDGET, Budget, Meter, share
from redress.agents.contract import KnownEvidence
from redress.agents.run import as_data, model_id, run_agent, said
from redress.domains.inventory.agent import AGENT as INVENTORY_AGENT
from redress.domains.orders.agent import AGENT as ORDERS_AGENT
from redress.domains.payments.agent import AGENT as PAYMENTS_AGENT
from redress.errors import AccessDeniedError, BudgetExceededError
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.workloads import AGENT_OF
from redress.models.agents import AgentDefinition
from redress.models.identity import ExchangeRequest
from redress.models.investigation import (
    NOT_PERMITTED,
    UNAVAILABLE,
    DomainReport,
    DomainRequest,
    EvidenceBundle,
    Usage,
)
from redress.ports import TokenBroker

DOMAIN_BUDGET = Budget(model_calls=8, total_tokens=80_000, cost_usd_micros=400_000)
"""What one domain's agent may use for one question: a fifth of a whole case."""

MAX_SUMMARY = 2_000
"""Characters that are kept of what the model says in the end."""

FRESH_SECONDS = 20.0
"""How long a token waits for its first use at most; it lives for a minute."""


class RunTools(Protocol):
    """A domain's tools for one run on one case, and what they have returned so far."""

    tools: list[Any]

    @property
    def bundle(self) -> EvidenceBundle:
        """All that the tools returned: the agent's evidence, whatever its model writes."""
        ...

    def raise_failure(self) -> None:
        """Raise what made a tool fail that may work later."""
        ...


class ToolSource(Protocol):
    """Where a domain's tools come from: `DomainTools`."""

    def for_run(self, tokens: Callable[[], str], case_id: str) -> RunTools:
        """Return the tools for one run; `tokens` gives a token for each call."""
        ...


def run_orders_agent(
    request: DomainRequest,
    tools: ToolSource,
    broker: TokenBroker,
    model_factory: Callable[[], Model],
) -> DomainReport:
    """Let the orders domain's agent look at a case; see `run_domain_agent`."""
    return run_domain_agent(ORDERS_AGENT, request, tools, broker, model_factory)


def run_payments_agent(
    request: DomainRequest,
    tools: ToolSource,
    broker: TokenBroker,
    model_factory: Callable[[], Model],
) -> DomainReport:
    """Let the payments domain's agent look at a case; see `run_domain_agent`."""
    return run_domain_agent(PAYMENTS_AGENT, request, tools, broker, model_factory)


def run_inventory_agent(
    request: DomainRequest,
    tools: ToolSource,
    broker: TokenBroker,
    model_factory: Callable[[], Model],
) -> DomainReport:
    """Let the inventory domain's agent look at a case; see `run_domain_agent`."""
    return run_domain_agent(INVENTORY_AGENT, request, tools, broker, model_factory)


def run_domain_agent(
    definition: AgentDefinition,
    request: DomainRequest,
    tools: ToolSource,
    broker: TokenBroker,
    model_factory: Callable[[], Model],
    *,
    budget: Budget = DOMAIN_BUDGET,
) -> DomainReport:
    """Let a domain's agent look at one case.

    Args:
        definition: The domain and its instructions.
        request: The case, what is asked about it, and what other agents found before.
        tools: The domain's tools.
        broker: Exchanges the case's grant for tokens that the tools take.
        model_factory: Makes the language model.
        budget: Limits of this agent; what is left of the case's own holds as well.

    Returns:
        The report; its evidence is what the tools returned, its `usage` this agent's own. A user
        who may not read the domain gets one without evidence that misses `<domain>/not_permitted`;
        no model is asked then.

    Raises:
        BudgetExceededError: the agent's budget, or the case's, is used up.
        ModelThrottledError, DependencyUnavailableError: a model or store did not answer; try
            again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    domain = definition.domain
    tokens = _Tokens(definition, request, broker)
    try:
        tokens.prepare()
    except AccessDeniedError:
        return DomainReport(domain=domain, evidence=_nothing(definition, NOT_PERMITTED))
    run = tools.for_run(tokens, request.case.case_id)
    model = model_factory()
    spent = sum((report.usage for report in request.reports), Usage())
    limits = share(DEFAULT_BUDGET, spent, budget)
    meter = Meter(model_id(model), limits)
    result = run_agent(
        model,
        definition.prompt,
        run.tools,
        _message(request),
        meter,
        turns=limits.model_calls,
        side_by_side=True,
    )
    run.raise_failure()
    if result.stop_reason.startswith("limit_"):
        raise BudgetExceededError(f"the agent of {domain} has used its model calls")
    evidence = run.bundle
    if domain != "inventory" and not evidence.items and not evidence.missing:
        # Every case has an order and a ledger: an agent that looked at nothing gave no answer.
        evidence = _nothing(definition, UNAVAILABLE)
    return DomainReport(
        domain=domain,
        evidence=evidence,
        summary=said(result)[:MAX_SUMMARY],
        usage=meter.usage,
        model=model_id(model),
    )


class _Tokens:
    """A token for each call of a tool; the first is got before anything is spent."""

    def __init__(
        self, definition: AgentDefinition, request: DomainRequest, broker: TokenBroker
    ) -> None:
        self._broker = broker
        self._request = ExchangeRequest(
            workload=AGENT_OF[definition.domain],
            audience=audience(definition.domain, "tools"),
            scope=(READ_SCOPE[definition.domain],),
            case_id=request.case.case_id,
            grant_id=request.grant_id or request.case.grant_id,
        )
        self._first: list[tuple[str, float]] = []

    def prepare(self) -> None:
        """Get the first token.

        Raises:
            AccessDeniedError: the user may not read the domain.
        """
        self._first.append((self._exchange(), time.monotonic()))

    def __call__(self) -> str:
        """Return a token for one call."""
        try:
            # Tools may be called side by side: a list's pop is atomic.
            token, since = self._first.pop()
        except IndexError:
            return self._exchange()
        return token if time.monotonic() - since < FRESH_SECONDS else self._exchange()

    def _exchange(self) -> str:
        return self._broker.exchange(self._request).access_token


def _nothing(definition: AgentDefinition, why: str) -> EvidenceBundle:
    domain = definition.domain
    return EvidenceBundle(domain=domain, items=(), missing=(f"{domain}/{why}",))


def _message(request: DomainRequest) -> str:
    """Return the user message: the case, the question and what is known, as data."""
    case = request.case
    data: dict[str, Any] = {
        "case": {
            "case_id": case.case_id,
            "order_id": case.order_id,
            "as_of": case.as_of,
            "skus": case.skus,
            "statement": case.statement,
        }
    }
    if request.question:
        data["question"] = request.question
    if request.reports:
        known = KnownEvidence(report.evidence for report in request.reports)
        data["evidence"] = known.facts()
        if known.missing:
            data["missing"] = known.missing
    return as_data("case_data", data)
