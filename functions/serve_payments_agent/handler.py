"""ServePaymentsAgent: the payments domain's agent answers A2A clients."""

from typing import Any

from redress.agent_serving import serve_agent
from redress.domains.payments.agent import AGENT
from redress.logs import logged


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one HTTP request."""
    return serve_agent(AGENT, event, context)
