"""ServeOrdersTools: the orders domain's MCP server over HTTP."""

from typing import Any

from redress.api.serve_tools import serve_orders_tools
from redress.logs import logged
from redress.serving.tools import tools_front

FRONT = tools_front("orders")


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one MCP request."""
    return serve_orders_tools(event, context, FRONT)
