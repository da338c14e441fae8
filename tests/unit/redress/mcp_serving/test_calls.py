"""What a tool call is measured by, in memory: its token, a tool that exists, its arguments."""

import logging
from typing import Any

import pytest
from mcp_world import ARGUMENTS, ORDER, ToolWorld, call
from redress.adapters.memory.repository import MemoryRepository
from redress.errors import DependencyUnavailableError
from redress.mcp_serving.calls import current_access
from redress.mcp_serving.server import ServerParts


class DeadRepository(MemoryRepository):
    def query(self, partition: str, prefix: str = "") -> Any:
        raise DependencyUnavailableError("the store does not answer")


class BrokenRepository(MemoryRepository):
    def query(self, partition: str, prefix: str = "") -> Any:
        raise ZeroDivisionError("secret detail")


WRONG_ARGUMENTS: list[Any] = [
    {},
    {"order_id": 3},
    {"order_id": None},
    {"order_id": [ORDER]},
    {"order_id": ""},
    {"order_id": "../etc/passwd"},
    {"order_id": f"{ORDER}\n"},
    {"order_id": "ord_😀"},
    {"order_id": "ord_\ud800"},
    {"order_id": "x" * 129},
    {"order_id": "x" * 1_000_000},
    {"order_id": ORDER, "more": 1},
    {"order_id": ORDER, "redress/access": "token"},
    {f"k{n}": n for n in range(10_000)},
]


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS, ids=range(len(WRONG_ARGUMENTS)))
def test_wrong_arguments_are_told_in_a_line(world: ToolWorld, arguments: Any) -> None:
    status, content = call(world.tools("orders"), "get_order", arguments, world.token("orders"))
    assert (status, content["error"]) == ("error", "InvalidInputError")
    assert content["message"].startswith("arguments: ")
    assert len(content["message"]) < 700
    assert "\n" not in content["message"]
    # What was written there is not told, for it may be anything.
    assert "passwd" not in content["message"]


@pytest.mark.parametrize("name", ["", "nope", "get_payments", "x" * 100_000, "get_order\n"])
def test_an_unknown_tool_is_told(world: ToolWorld, name: str) -> None:
    status, content = call(world.tools("orders"), name, {}, world.token("orders"))
    assert (status, content["error"]) == ("error", "InvalidInputError")
    assert "there is no tool" in content["message"]
    assert len(content["message"]) < 200


@pytest.mark.parametrize("token", [None, "", 3, ["x"], {"a": 1}, "nonsense", "a.b.c", "x" * 10**6])
def test_without_a_token_nothing_is_told(world: ToolWorld, token: Any) -> None:
    for name, arguments in (("get_order", ARGUMENTS["get_order"]), ("nope", {}), ("get_order", {})):
        status, content = call(world.tools("orders"), name, arguments, token)
        assert (status, content["error"]) == ("error", "TokenRefusedError")


def test_a_store_that_does_not_answer_is_told(world: ToolWorld) -> None:
    world.example.orders = DeadRepository()
    told = call(world.tools("orders"), "get_order", ARGUMENTS["get_order"], world.token("orders"))
    message = "the store does not answer"
    assert told == ("error", {"error": "DependencyUnavailableError", "message": message})


def test_an_error_that_nobody_expected_is_not_told(
    world: ToolWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.example.orders = BrokenRepository()
    tools = world.tools("orders")
    client = tools.for_run(str, "case_1").tools[0].mcp_client
    meta = {"redress/access": world.token("orders")}
    with caplog.at_level(logging.ERROR):
        result = client.call_tool_sync("u", "get_order", ARGUMENTS["get_order"], meta=meta)
    assert result["status"] == "error"
    assert "secret" not in str(result)
    assert "Traceback" not in str(result)
    assert "secret detail" in caplog.text


def test_tools_are_listed_without_an_environment() -> None:
    """A function lists them in its INIT, when nothing is known yet."""
    from redress.agents.domain_tools import DomainTools
    from redress.domains.orders.tools import build_server

    def nothing() -> Any:
        raise AssertionError("touched too early")

    parts = ServerParts(records=nothing, check=nothing, passages=nothing)
    tools = DomainTools("orders", lambda: build_server(parts)).open()
    try:
        names = [tool.tool_name for tool in tools.for_run(str, "case_1").tools]
        assert names == ["get_order", "get_shipments"]
    finally:
        tools.close()


def test_outside_a_call_there_is_no_access() -> None:
    from redress.errors import AccessDeniedError

    with pytest.raises(AccessDeniedError):
        current_access()
