"""The policy as resources of the domains' servers."""

import asyncio

import pytest
from mcp_world import DOMAINS, ROOT, ToolWorld
from redress.adapters.passages import read_passages
from redress.mcp_serving.policy import resource_uri
from redress.models.investigation import DomainName

KNOWN = {passage.passage_id: passage for passage in read_passages(ROOT / "policies")}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_offers_the_sections_that_concern_it(world: ToolWorld, domain: DomainName) -> None:
    server = world.server(domain)
    offered = {r.name: str(r.uri) for r in asyncio.run(server.list_resources())}
    assert offered
    assert offered == {name: resource_uri(name) for name in offered}
    assert offered.keys() <= KNOWN.keys()
    for name, uri in offered.items():
        (read,) = asyncio.run(server.read_resource(uri)).contents
        assert read.content == f"## {KNOWN[name].title}\n\n{KNOWN[name].text}\n"
        assert read.mime_type == "text/markdown"


def test_every_section_is_somebodys(world: ToolWorld) -> None:
    offered = {
        resource.name
        for domain in DOMAINS
        for resource in asyncio.run(world.server(domain).list_resources())
    }
    assert offered == KNOWN.keys()


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_domain_has_a_prompt(world: ToolWorld, domain: DomainName) -> None:
    server = world.server(domain)
    (prompt,) = asyncio.run(server.list_prompts())
    (argument,) = prompt.arguments
    rendered = asyncio.run(server.render_prompt(prompt.name, {argument.name: "ord_1"}))
    assert "ord_1" in rendered.messages[0].content.text
