"""ServePaymentsAgent: the payments domain's agent answers A2A clients."""

from typing import Any

from redress.api.serve_agent import serve_payments_agent
from redress.domains.payments.agent import AGENT
from redress.logs import logged
from redress.serving.agents import agent_front

FRONT = agent_front(AGENT)


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one A2A request."""
    return serve_payments_agent(event, context, FRONT)
