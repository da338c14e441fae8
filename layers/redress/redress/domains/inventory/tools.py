"""The inventory domain's MCP server: what is in stock."""

from typing import Annotated, Any, Final

from fastmcp import FastMCP
from fastmcp.tools import ToolResult
from pydantic import Field

from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.gateway import load_stock
from redress.errors import ForeignOrderError
from redress.mcp_serving.answers import READS, answer_schema, found
from redress.mcp_serving.server import Ids, ServerParts, answering, make_server
from redress.models.identity import Access, sku_digests

POLICY: Final = (
    "refund-policy#replacements",
    "refund-policy#missing-items",
    "refund-policy#what-we-never-do",
)

_STOCK: dict[str, Any] = {"available": {"type": "integer", "minimum": 0}}


def build_server(parts: ServerParts) -> FastMCP[Any]:
    """Build the inventory domain's server; see `ServerParts` for what it is given."""
    server = make_server(
        "inventory",
        "Stock of the products of one customer's case, read-only. Each call bears a token for "
        "that case. Evidence is cited by its id.",
        parts,
        POLICY,
    )

    @server.tool(annotations=READS, output_schema=answer_schema(_STOCK))
    def get_stock(
        skus: Annotated[Ids, Field(description="products of the case's order")],
    ) -> ToolResult:
        """Get how many pieces of products of the order are available."""

        def read(access: Access) -> ToolResult:
            of_case = set(access.sku_digests)
            for sku, digest in zip(skus, sku_digests(skus), strict=True):
                if digest not in of_case:
                    raise ForeignOrderError(f"{sku} is no product of the case's order")
            known = inventory_evidence(load_stock(parts.records(), skus))
            return found(known.items, known.missing)

        return answering(read)

    @server.prompt
    def look_into_stock(skus: str) -> str:
        """Say which products could be sent again."""
        return (
            f"Look up the stock of {skus[:1000]} with get_stock. Say of each product how many "
            "pieces could be sent again. Cite evidence by its id."
        )

    return server
