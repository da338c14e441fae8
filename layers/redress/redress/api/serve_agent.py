"""ANY /a2a/{domain}: the domains' A2A servers behind API Gateway.

API Gateway authorizes none of these routes: the card is for everybody, and all else takes a token
for the very agent, about one case, which works once.
"""

from collections.abc import Callable
from typing import Any

from redress.api.requests import Answer, answer, problem
from redress.errors import InvalidInputError

AgentFront = Callable[[dict[str, Any], Any], Answer]
"""A domain's A2A app, behind what turns an HTTP event into a request."""


def serve_orders_agent(event: dict[str, Any], context: object, front: AgentFront) -> Answer:
    """Answer an HTTP event by the orders domain's agent."""
    return _serve(event, context, front)


def serve_payments_agent(event: dict[str, Any], context: object, front: AgentFront) -> Answer:
    """Answer an HTTP event by the payments domain's agent."""
    return _serve(event, context, front)


def serve_inventory_agent(event: dict[str, Any], context: object, front: AgentFront) -> Answer:
    """Answer an HTTP event by the inventory domain's agent."""
    return _serve(event, context, front)


def _serve(event: dict[str, Any], context: object, front: AgentFront) -> Answer:
    try:
        return front(event, context)
    except InvalidInputError as error:
        return answer(400, problem(error))
