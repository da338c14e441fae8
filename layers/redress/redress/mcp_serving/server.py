"""What all domains' MCP servers have in common."""

import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastmcp import FastMCP
from fastmcp.tools import ToolResult
from pydantic import Field

from redress.errors import ForeignOrderError, RedressError
from redress.mcp_serving.answers import failed
from redress.mcp_serving.calls import CallGuard, TokenCheck, current_access
from redress.mcp_serving.policy import Passages, add_policy
from redress.models.identity import Access
from redress.models.investigation import DomainName
from redress.ports import Repository

MAX_IDS = 25
"""Ids that one call may ask for."""

Id = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_.:\-]+$")]
OrderId = Annotated[Id, Field(description="the case's order")]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS)]
EvidenceId = Annotated[str, Field(max_length=140, pattern=r"^([a-z]+/)?[A-Za-z0-9_.:\-]+$")]
EvidenceIds = Annotated[list[EvidenceId], Field(min_length=1, max_length=MAX_IDS)]
"""Ids as the answers name them, or bare."""


class ServerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server asks for at each call; nothing of it is touched before.

    So a server is made, and its tools are listed, without an environment; and where one process
    plays several clouds, each call meets the parts of its own.

    Attributes:
        records: The domain's records; only read.
        check: Checks a token and uses it up.
        passages: The policy's sections.
    """

    records: Callable[[], Repository]
    check: Callable[[], TokenCheck]
    passages: Passages


def make_server(
    domain: DomainName, instructions: str, parts: ServerParts, policy: Sequence[str]
) -> FastMCP[Any]:
    """Make a domain's server with its guard and its policy, yet without tools."""
    # FastMCP paints its lines on stderr; here they go where all others do, in their format.
    log = logging.getLogger("fastmcp")
    log.handlers.clear()
    log.propagate = True
    server: FastMCP[Any] = FastMCP(
        f"redress-{domain}",
        instructions,
        version="1",
        middleware=[CallGuard(domain, parts.check)],
        # What is no typed error of ours is nobody's business; the log has it.
        mask_error_details=True,
        strict_input_validation=True,
        on_duplicate="error",
    )
    add_policy(server, policy, parts.passages)
    return server


def answering(read: Callable[[Access], ToolResult]) -> ToolResult:
    """Read for the case of the current call; an error of ours becomes an answer."""
    try:
        return read(current_access())
    except RedressError as error:
        return failed(error)


def same_order(access: Access, order_id: str) -> str:
    """Return the order's id if it is the case's.

    Raises:
        ForeignOrderError: it is another one.
    """
    if order_id != access.order_id:
        raise ForeignOrderError("the case is about another order")
    return access.order_id
