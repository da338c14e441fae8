"""ServeInventoryAgent: the inventory domain's agent answers A2A clients."""

from typing import Any

from redress.api.serve_agent import serve_inventory_agent
from redress.domains.inventory.agent import AGENT
from redress.logs import logged
from redress.serving.agents import agent_front

FRONT = agent_front(AGENT)


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one A2A request."""
    return serve_inventory_agent(event, context, FRONT)
