"""The policy passages that concern a domain, as MCP resources."""

from collections.abc import Callable, Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError

from redress.models.investigation import Passage

Passages = Callable[[], Sequence[Passage]]


def resource_uri(passage_id: str) -> str:
    """Return a passage's URI: `refund-policy#caps` is at `policy://refund-policy/caps`."""
    document, _, section = passage_id.partition("#")
    return f"policy://{document}/{section}"


def add_policy(server: FastMCP[Any], passage_ids: Sequence[str], passages: Passages) -> None:
    """Offer passages by their ids; their text is read when somebody asks for it."""
    for passage_id in passage_ids:
        _, _, section = passage_id.partition("#")
        server.resource(
            resource_uri(passage_id),
            name=passage_id,
            title=section.replace("-", " ").capitalize(),
            description="A section of the refund policy; cite it by its name.",
            mime_type="text/markdown",
        )(_reader(passage_id, passages))


def _reader(passage_id: str, passages: Passages) -> Callable[[], str]:
    def passage() -> str:
        for one in passages():
            if one.passage_id == passage_id:
                return f"## {one.title}\n\n{one.text}\n"
        raise ResourceError(f"the policy has no section {passage_id}")

    return passage
