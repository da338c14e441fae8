"""The functions behind /mcp/{domain}: API Gateway's events in, MCP's answers out."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redress.api.serve_tools import (
    serve_inventory_tools,
    serve_orders_tools,
    serve_payments_tools,
)
from redress.models.investigation import DomainName

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))

from mcp_world import A_TOOL, ToolWorld, content_of, http_event, tool_call

FUNCTIONS: dict[DomainName, Callable[..., Any]] = {
    "orders": serve_orders_tools,
    "payments": serve_payments_tools,
    "inventory": serve_inventory_tools,
}


@pytest.mark.parametrize("domain", FUNCTIONS)
def test_a_call_is_answered(domain: DomainName) -> None:
    world = ToolWorld()
    event = http_event(domain, tool_call(A_TOOL[domain]), world.token(domain))
    answer = FUNCTIONS[domain](event, None, world.front(domain))
    assert {name.split("/")[0] for name in content_of(answer)["evidence"]} == {domain}
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize("domain", FUNCTIONS)
@pytest.mark.parametrize("event", [{}, {"requestContext": 3}, {"body": "x"}], ids=range(3))
def test_what_is_no_http_event_is_told(domain: DomainName, event: Any) -> None:
    answer = FUNCTIONS[domain](event, None, ToolWorld().front(domain))
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"] == "InvalidInputError"
