"""The monolith pattern: one agent with every read-only tool, in a loop."""

from collections.abc import Callable
from typing import Any

from strands import tool
from strands.models.model import Model
from strands.types.tools import ToolContext

from redress.agents.budget import DEFAULT_BUDGET, Budget, Meter
from redress.agents.case_desk import CaseDesk
from redress.agents.contract import check_action, check_conclusion, read_conclusion
from redress.agents.investigate import investigate
from redress.agents.run import as_data, model_id, prompt
from redress.agents.tools import REASONS, Conclusions, conclude_schema, failed, ok
from redress.errors import FinalError, InvalidProposalError
from redress.identity.grants import Grants
from redress.models.base import parse
from redress.models.investigation import Investigation, InvestigationRequest, ProposedAction
from redress.ports import Repository

TRIES = 3
"""Conclusions that may break the contract before the run is given up."""

_REASON: dict[str, Any] = {"enum": REASONS}


def _schema(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"json": {"type": "object", "properties": properties, "required": list(properties)}}


class OrderAgent:
    """The monolith's tools, bound to one case: they know no other and change nothing."""

    def __init__(self, desk: CaseDesk) -> None:
        self.desk = desk
        self.proposed: list[ProposedAction] = []
        self.conclusions = Conclusions(self._accept, TRIES)

    @property
    def tools(self) -> list[Any]:
        """Return the tools in the order in which they are offered."""
        return [
            self.get_order_details,
            self.get_shipments,
            self.get_invoice,
            self.get_payments,
            self.get_stock,
            self.get_policy_passages,
            self.start_refund_process,
            self.start_replacement,
            self.conclude,
        ]

    @tool
    async def get_order_details(self, order_id: str) -> dict[str, Any]:
        """Get the order: its lines with product, quantity, unit price and status."""
        return self._answer(lambda: self.desk.order(order_id))

    @tool
    async def get_shipments(self, order_id: str) -> dict[str, Any]:
        """Get the order's shipments: parcels, what was packed in each, and where they are."""
        return self._answer(lambda: self.desk.shipments(order_id))

    @tool
    async def get_invoice(self, order_id: str) -> dict[str, Any]:
        """Get the order's invoice: what the customer owes."""
        return self._answer(lambda: self.desk.invoice(order_id))

    @tool
    async def get_payments(self, order_id: str) -> dict[str, Any]:
        """Get the order's payments with their refunds and refund promises."""
        return self._answer(lambda: self.desk.payments(order_id))

    @tool
    async def get_stock(self, sku: str) -> dict[str, Any]:
        """Get how many pieces of one of the order's products are available."""
        return self._answer(lambda: self.desk.stock(sku))

    @tool
    async def get_policy_passages(self) -> dict[str, Any]:
        """Get the passages of the refund policy that matter to this case."""
        return ok(self.desk.policy())

    @tool(
        name="start_refund_process",
        description="Propose a refund of a payment or of an order line. Amount and payee follow "
        "from the ledger; nothing is paid before policy allows it.",
        inputSchema=_schema(
            subject_id={"type": "string", "description": "payment id or line id"},
            reason_code=_REASON,
        ),
        context=True,
    )
    async def start_refund_process(self, tool_context: ToolContext) -> dict[str, Any]:
        """Record a proposal."""
        arguments: Any = tool_context.tool_use["input"]
        subject = arguments.get("subject_id") if isinstance(arguments, dict) else None
        of_payment = isinstance(subject, str) and subject in self.desk.known.payment_ids()
        action = "refund_payment" if of_payment else "refund_line"
        return self._propose(action, "subject_id", arguments)

    @tool(
        name="start_replacement",
        description="Propose to send what is short of an order line again.",
        inputSchema=_schema(line_id={"type": "string"}, reason_code=_REASON),
        context=True,
    )
    async def start_replacement(self, tool_context: ToolContext) -> dict[str, Any]:
        """Record a proposal."""
        return self._propose("reship_line", "line_id", tool_context.tool_use["input"])

    @tool(
        name="conclude",
        description="Conclude the case, after all proposals are recorded.",
        inputSchema=conclude_schema(with_actions=False),
        context=True,
    )
    async def conclude(self, tool_context: ToolContext) -> dict[str, Any]:
        """Take the conclusion."""
        return self.conclusions.take(tool_context.tool_use["input"])

    def _answer(self, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return ok(read())
        except FinalError as error:
            return failed(error)

    def _propose(self, action: str, subject_field: str, arguments: Any) -> dict[str, Any]:
        try:
            self._record(action, subject_field, arguments)
        except FinalError as error:
            return failed(error)
        return ok({"recorded": True})

    def _record(self, action: str, subject_field: str, arguments: Any) -> None:
        if not isinstance(arguments, dict) or arguments.keys() != {subject_field, "reason_code"}:
            raise InvalidProposalError(f"give exactly {subject_field} and reason_code")
        proposed = parse(
            ProposedAction,
            {
                "action": action,
                "subject_id": arguments[subject_field],
                "reason_code": arguments["reason_code"],
            },
        )
        check_action(proposed, self.desk.known)
        if proposed not in self.proposed:
            self.proposed.append(proposed)

    def _accept(self, arguments: Any) -> tuple[Any, Any]:
        if isinstance(arguments, dict):
            if "actions" in arguments:
                raise InvalidProposalError("actions are recorded by the start_ tools")
            arguments = {**arguments, "actions": self.proposed}
        conclusion = read_conclusion(arguments)
        return conclusion, check_conclusion(conclusion, self.desk.known, self.desk.passages)


def investigate_monolith(
    request: InvestigationRequest,
    orders: Repository,
    payments: Repository,
    inventory: Repository,
    grants: Grants,
    model_factory: Callable[[], Model],
    *,
    budget: Budget = DEFAULT_BUDGET,
) -> Investigation:
    """Investigate a case with one agent that gathers its own evidence.

    Args:
        request: The case, the policy passages, and what was spent on it before.
        orders: Records of the orders domain; only read.
        payments: Records of the payments domain; only read.
        inventory: Records of the inventory domain; only read.
        grants: What the customer lets be read.
        model_factory: Makes the language model.
        budget: Limits of the whole case.

    Returns:
        The investigation; its evidence is what the agent retrieved, its `usage` includes what
        was spent before.

    Raises:
        InvalidProposalError: the model never concluded in a way that keeps the contract.
        BudgetExceededError: the case's budget is used up.
        ModelThrottledError, DependencyUnavailableError: the model or a store did not answer; try
            again.
        ModelRefusedError: the model service refuses such calls, now and later.
        RecordingMissingError: a recorded model has no answer to this prompt.
    """
    desk = CaseDesk(request, orders, payments, inventory, grants)
    agent, model = OrderAgent(desk), model_factory()
    return investigate(
        request,
        "monolith",
        model,
        Meter(model_id(model), budget, request.spent_so_far),
        system_prompt=prompt("monolith", "rules"),
        tools=agent.tools,
        message=as_data("case_data", {"case": desk.summary()}),
        turns=budget.model_calls,
        known=desk.known,
        conclusions=agent.conclusions,
    )
