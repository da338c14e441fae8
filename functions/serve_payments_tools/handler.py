"""ServePaymentsTools: the payments domain's MCP server over HTTP."""

from typing import Any

from redress.api.serve_tools import serve_payments_tools
from redress.logs import logged
from redress.serving.tools import tools_front

FRONT = tools_front("payments")


@logged
def handler(event: dict[str, Any], context: object) -> Any:
    """Answer one MCP request."""
    return serve_payments_tools(event, context, FRONT)
