"""The servers of this process: one for all runtimes, each call over the runtime of its caller."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mcp_world import (
    A_TOOL,
    ARGUMENTS,
    DOMAINS,
    ISSUER,
    ROOT,
    ToolWorld,
    answer_of,
    content_of,
    http_event,
    message,
    tool_call,
)
from redress.adapters.memory.repository import MemoryRepository
from redress.config import Config
from redress.models.investigation import DomainName
from redress.runtime import Runtime, using
from redress.serving.tools import domain_tools, tool_server, tools_front


class Forbidden:
    """Another domain's table."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("a domain's server touched another domain's records")


def runtime_of(world: ToolWorld, domain: DomainName) -> Runtime:
    own: dict[str, Any] = {name: Forbidden() for name in DOMAINS}
    own[domain] = getattr(world.example, domain)
    return Runtime(
        Config(token_issuer=ISSUER, policies_dir=str(ROOT / "policies")),
        clock=world.clock,
        signer=world.key,
        tasks=world.used,
        **own,
    )


def use(world: ToolWorld, domain: DomainName) -> str:
    """Call a tool as an agent does, in the runtime of a function."""
    name = A_TOOL[domain]
    run = domain_tools(domain).for_run(lambda: world.token(domain), "case_1")
    (tool,) = (tool for tool in run.tools if tool.tool_name == name)

    async def stream() -> Any:
        call = {"toolUseId": "use_1", "name": name, "input": ARGUMENTS[name]}
        return [event async for event in tool.stream(call, {})]

    with using(runtime_of(world, domain)):
        (event,) = asyncio.run(stream())
    return str(event.tool_result["content"][0]["text"])


@pytest.mark.parametrize("domain", DOMAINS)
def test_one_server_in_a_process(domain: DomainName) -> None:
    assert tool_server(domain) is tool_server(domain)
    assert domain_tools(domain) is domain_tools(domain)
    assert tools_front(domain) is tools_front(domain)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_reads_its_own_records(domain: DomainName) -> None:
    evidence = json.loads(use(ToolWorld(), domain))["evidence"]
    assert {name.split("/")[0] for name in evidence} == {domain}


@pytest.mark.parametrize("domain", DOMAINS)
def test_http_answers_by_the_same_server(domain: DomainName) -> None:
    world = ToolWorld()
    with using(runtime_of(world, domain)):
        event = http_event(domain, tool_call(A_TOOL[domain]), world.token(domain))
        answer = tools_front(domain).answer(event, None)
        assert content_of(answer) == json.loads(use(world, domain))
        # To look around uses no token up, and the policy is read by the runtime, too.
        token = world.token(domain)
        for _ in range(2):
            listed = tools_front(domain).answer(
                http_event(domain, message("resources/list"), token), None
            )
            uri = answer_of(listed)["result"]["resources"][0]["uri"]
            read = tools_front(domain).answer(
                http_event(domain, message("resources/read", uri=uri), token), None
            )
            assert answer_of(read)["result"]["contents"][0]["text"].startswith("## ")


def test_clouds_of_one_process_do_not_meet() -> None:
    worlds = [ToolWorld(), ToolWorld()]
    worlds[1].example.orders = MemoryRepository()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: use(worlds[n % 2], "orders"), range(24)))
    assert all("sku_mug" in text for text in found[::2])
    assert all("UnknownOrderError" in text for text in found[1::2])
