"""ANY /mcp/{domain}: the domains' MCP servers behind API Gateway.

API Gateway authorizes none of these routes: MCP's authorization spec wants the server itself to
check the bearer token and to tell who has none where to get one.
"""

from typing import TYPE_CHECKING, Any

from redress.api.requests import Answer, answer, problem
from redress.errors import InvalidInputError

if TYPE_CHECKING:
    from redress.mcp_serving.http import ToolsFront


def serve_orders_tools(event: dict[str, Any], context: object, front: "ToolsFront") -> Answer:
    """Answer an HTTP event by the orders domain's server."""
    return _serve(event, context, front)


def serve_payments_tools(event: dict[str, Any], context: object, front: "ToolsFront") -> Answer:
    """Answer an HTTP event by the payments domain's server."""
    return _serve(event, context, front)


def serve_inventory_tools(event: dict[str, Any], context: object, front: "ToolsFront") -> Answer:
    """Answer an HTTP event by the inventory domain's server."""
    return _serve(event, context, front)


def _serve(event: dict[str, Any], context: object, front: "ToolsFront") -> Answer:
    try:
        return front.answer(event, context)
    except InvalidInputError as error:
        return answer(400, problem(error))
