"""ServeInventoryTools: the inventory domain's MCP server over HTTP."""

from typing import Any

from redress.api.serve_tools import serve_inventory_tools
from redress.logs import logged
from redress.serving.tools import tools_front

FRONT = tools_front("inventory")


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one MCP request."""
    return serve_inventory_tools(event, context, FRONT)
