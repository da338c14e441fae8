"""A domain's tools for Strands: one session, a token a call, evidence that tools returned."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest
from mcp_world import ARGUMENTS, DOMAINS, ToolWorld
from redress.adapters.memory.repository import MemoryRepository
from redress.agents.domain_tools import DomainTools, RunTools
from redress.domains.orders.tools import build_server
from redress.errors import AccessDeniedError, DependencyUnavailableError
from redress.mcp_serving.server import ServerParts
from redress.models.investigation import DomainName


@pytest.fixture
def world() -> Iterator[ToolWorld]:
    made = ToolWorld()
    yield made
    made.close()


def use(run: RunTools, name: str, arguments: Any = None) -> Any:
    """Let a tool run as an agent does; return what a model is shown."""
    (tool,) = (tool for tool in run.tools if tool.tool_name == name)

    async def stream() -> Any:
        given = ARGUMENTS[name] if arguments is None else arguments
        call = {"toolUseId": "use_1", "name": name, "input": given}
        return [event async for event in tool.stream(call, {})]

    (event,) = asyncio.run(stream())
    return event.tool_result


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_bundle_is_the_domains_own_evidence(world: ToolWorld, domain: DomainName) -> None:
    run = world.tools(domain).for_run(lambda: world.token(domain), "case_1")
    for tool in run.tools:
        assert use(run, tool.tool_name)["status"] == "success"
    (fetched,) = (b for b in world.example.request.evidence if b.domain == domain)
    assert set(map(str, run.bundle.items)) == set(map(str, fetched.items))
    assert run.bundle.missing == fetched.missing
    run.raise_failure()


def test_a_model_sees_text_and_no_token(world: ToolWorld) -> None:
    tokens: list[str] = []

    def token() -> str:
        tokens.append(world.token("payments"))
        return tokens[-1]

    run = world.tools("payments").for_run(token, "case_1")
    shown = use(run, "get_payments")
    assert shown.keys() == {"toolUseId", "status", "content"}
    assert [list(block) for block in shown["content"]] == [["text"]]
    specs = [tool.tool_spec for tool in run.tools]
    assert all(spec.keys() == {"name", "description", "inputSchema"} for spec in specs)
    assert len(tokens) == 1
    assert tokens[0] not in json.dumps([shown, specs])
    assert "redress/" not in json.dumps([shown, specs])


def test_each_call_takes_a_token_of_its_own(world: ToolWorld) -> None:
    same = world.token("orders")
    run = world.tools("orders").for_run(lambda: same, "case_1")
    assert use(run, "get_order")["status"] == "success"
    again = use(run, "get_order")
    assert again["status"] == "error"
    assert "used before" in again["content"][0]["text"]


def test_only_what_tools_returned_is_evidence(world: ToolWorld) -> None:
    run = world.tools("orders").for_run(lambda: world.token("orders"), "case_1")
    assert use(run, "get_order", {"order_id": "ord_1002"})["status"] == "error"
    assert use(run, "get_order", {"evidence": {"orders/x": {}}})["status"] == "error"
    assert (run.bundle.items, run.bundle.missing) == ((), ())


def test_runs_do_not_share_evidence(world: ToolWorld) -> None:
    tools = world.tools("orders")
    first = tools.for_run(lambda: world.token("orders"), "case_1")
    second = tools.for_run(lambda: world.token("orders"), "case_1")
    use(first, "get_order")
    assert (len(first.bundle.items), second.bundle.items) == (1, ())


def test_without_a_right_the_evidence_is_missing(world: ToolWorld) -> None:
    def denied() -> str:
        raise AccessDeniedError("the user does not allow it")

    run = world.tools("payments").for_run(denied, "case_1")
    shown = use(run, "get_payments")
    assert json.loads(shown["content"][0]["text"])["error"] == "AccessDeniedError"
    assert (run.bundle.items, run.bundle.missing) == ((), ("payments/not_permitted",))
    run.raise_failure()


def test_a_token_of_another_case_gives_nothing(world: ToolWorld) -> None:
    run = world.tools("orders").for_run(lambda: world.token("orders"), "case_2")
    assert "another case" in use(run, "get_order")["content"][0]["text"]
    assert run.bundle.missing == ("orders/not_permitted",)


def test_what_may_work_later_is_raised_after_the_run(world: ToolWorld) -> None:
    class Dead(MemoryRepository):
        def query(self, partition: str, prefix: str = "") -> Any:
            raise DependencyUnavailableError("the store does not answer")

    world.example.orders = Dead()
    run = world.tools("orders").for_run(lambda: world.token("orders"), "case_1")
    assert use(run, "get_order")["status"] == "error"
    with pytest.raises(DependencyUnavailableError, match="the store does not answer"):
        run.raise_failure()


def test_a_broker_that_does_not_answer_is_raised_after_the_run(world: ToolWorld) -> None:
    def dead() -> str:
        raise DependencyUnavailableError("the broker does not answer")

    run = world.tools("orders").for_run(dead, "case_1")
    use(run, "get_order")
    with pytest.raises(DependencyUnavailableError, match="the broker does not answer"):
        run.raise_failure()


def test_many_threads_and_loops_use_one_session(world: ToolWorld) -> None:
    tools = world.tools("orders")

    def work(_: int) -> tuple[int, str]:
        run = tools.for_run(lambda: world.token("orders"), "case_1")
        shown = [use(run, name) for name in ("get_order", "get_shipments")]
        assert {one["status"] for one in shown} == {"success"}
        return len(run.bundle.items), str(run.tools[0].mcp_client)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(40)))
    assert {count for count, _ in found} == {2}
    assert len({client for _, client in found}) == 1


def test_a_call_meets_its_callers_parts() -> None:
    """One process plays several clouds: the session is shared, records are not."""
    worlds = [ToolWorld(), ToolWorld()]
    worlds[1].example.orders = MemoryRepository()
    current: ContextVar[ToolWorld] = ContextVar("world")
    parts = ServerParts(
        records=lambda: current.get().example.orders,
        check=lambda: current.get().check("orders"),
        passages=lambda: (),
    )
    tools = DomainTools("orders", lambda: build_server(parts))
    try:
        barrier = threading.Barrier(2)

        def work(world: ToolWorld) -> str:
            current.set(world)
            barrier.wait(10)
            run = tools.for_run(lambda: world.token("orders"), "case_1")
            return str(use(run, "get_order")["content"][0]["text"])

        with ThreadPoolExecutor(2) as pool:
            for _ in range(10):
                here, there = pool.map(work, worlds)
                assert "sku_mug" in here
                assert "UnknownOrderError" in there
    finally:
        tools.close()


def test_a_lost_session_is_opened_again(world: ToolWorld) -> None:
    tools = world.tools("orders")
    tools.for_run(str, "case_1").tools[0].mcp_client.stop(None, None, None)
    run = tools.for_run(lambda: world.token("orders"), "case_1")
    assert use(run, "get_order")["status"] == "success"


def test_a_forked_process_opens_its_own_session(
    world: ToolWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a child finds it: everything is there but the threads."""
    tools = world.tools("orders")
    parents = tools.for_run(str, "case_1").tools[0].mcp_client
    monkeypatch.setattr(os, "getpid", lambda: -1)
    run = tools.for_run(lambda: world.token("orders"), "case_1")
    assert run.tools[0].mcp_client is not parents
    assert use(run, "get_order")["status"] == "success"
    parents.stop(None, None, None)
    tools.close()


def test_a_session_that_cannot_be_opened_is_told() -> None:
    broken: Any = SimpleNamespace(_mcp_server=SimpleNamespace())
    with pytest.raises(DependencyUnavailableError, match="orders tools could not be opened"):
        DomainTools("orders", lambda: broken).open()


def test_closing_twice_is_fine(world: ToolWorld) -> None:
    tools = world.tools("orders")
    tools.close()
    tools.close()
