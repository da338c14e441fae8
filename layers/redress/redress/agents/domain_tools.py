"""A domain's MCP tools for Strands: one session a process, one token a call, evidence kept."""

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from fastmcp import FastMCP
from mcp.client._memory import InMemoryTransport
from strands.tools.mcp import MCPAgentTool, MCPClient
from strands.tools.mcp.mcp_types import MCPToolResult
from strands.types._events import ToolResultEvent
from strands.types.tools import ToolGenerator, ToolResult, ToolSpec, ToolUse

from redress import errors
from redress.agents.contract import KnownEvidence
from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    RedressError,
    RetryableError,
    TokenRefusedError,
)
from redress.mcp_serving.answers import read_answer
from redress.mcp_serving.calls import ACCESS_META, CASE_META
from redress.models.base import dump_json
from redress.models.investigation import NOT_PERMITTED, DomainName, EvidenceBundle

Tokens = Callable[[], str]
"""Gives the token for one call: a call uses its token up, and a token lives a minute at most."""

_REFUSED = frozenset({AccessDeniedError.__name__, TokenRefusedError.__name__})


class RunTools:
    """The tools of one agent run on one case, and the evidence that they returned.

    Attributes:
        domain: Whose tools they are.
        tools: For Strands' `Agent(tools=...)`. No model sees a token: it goes with each call in
            the request's `_meta`, out of arguments and results.
    """

    def __init__(
        self, domain: DomainName, listed: list[MCPAgentTool], tokens: Tokens, case_id: str
    ) -> None:
        self.domain = domain
        self._tokens = tokens
        self._case_id = case_id
        self._known = KnownEvidence()
        self._lock = threading.Lock()
        self._failure: RetryableError | None = None
        self.tools: list[Any] = [_RunTool(self, tool) for tool in listed]

    @property
    def bundle(self) -> EvidenceBundle:
        """What the tools returned in this run: the domain's facts, never what a model wrote."""
        with self._lock:
            return EvidenceBundle(
                domain=self.domain, items=self._known.items, missing=self._known.missing
            )

    def raise_failure(self) -> None:
        """Raise what made a tool fail that may work later; the agent may have gone on without it.

        Raises:
            RetryableError: a store, the token broker or the session did not answer.
        """
        if self._failure is not None:
            raise self._failure

    async def meta(self) -> dict[str, Any]:
        """Return the `_meta` of one call: a token of its own, and the case it is about."""
        # A broker may be a network away.
        token = await asyncio.to_thread(self._tokens)
        return {ACCESS_META: token, CASE_META: self._case_id}

    def keep(self, result: MCPToolResult) -> None:
        """Remember the evidence of a result, or why there is none."""
        content = result.get("structuredContent")
        if result["status"] == "success":
            with self._lock:
                self._known.add(read_answer(self.domain, content, result.get("metadata")))
        elif isinstance(content, dict):
            self.note(str(content.get("error")), str(content.get("message")))
        else:
            self.note(DependencyUnavailableError.__name__, "the domain's tools did not answer")

    def note(self, error: str, message: str) -> None:
        """Remember that a call failed, by the class name and message of its error."""
        with self._lock:
            if error in _REFUSED:
                missing = (f"{self.domain}/{NOT_PERMITTED}",)
                self._known.add(EvidenceBundle(domain=self.domain, items=(), missing=missing))
                return
            kind = getattr(errors, error, None)
            if isinstance(kind, type) and issubclass(kind, RetryableError):
                self._failure = self._failure or kind(message)


class _RunTool(MCPAgentTool):
    """A listed tool whose calls bear this run's tokens and whose results this run keeps."""

    def __init__(self, run: RunTools, listed: MCPAgentTool) -> None:
        super().__init__(listed.mcp_tool, listed.mcp_client)
        self._run = run

    @property
    def tool_spec(self) -> ToolSpec:
        """What a model needs to call it; schemas of results and hints cost tokens at each turn."""
        spec = super().tool_spec
        return {
            "name": spec["name"],
            "description": spec["description"],
            "inputSchema": spec["inputSchema"],
        }

    async def stream(
        self, tool_use: ToolUse, invocation_state: dict[str, Any], **_: Any
    ) -> ToolGenerator:
        """Call the tool; a refused or failed exchange of tokens is an answer to the model, too."""
        use_id = tool_use["toolUseId"]
        try:
            meta = await self._run.meta()
        except RedressError as error:
            self._run.note(type(error).__name__, str(error))
            yield ToolResultEvent(_answer(use_id, error))
            return
        result = await self.mcp_client.call_tool_async(
            use_id,
            self.mcp_tool.name,
            tool_use["input"],
            meta=meta,
            cancel_signal=getattr(invocation_state.get("agent"), "_cancel_signal", None),
        )
        self._run.keep(result)
        # What a model is shown, and nothing beside it.
        yield ToolResultEvent(
            {"toolUseId": use_id, "status": result["status"], "content": result["content"]}
        )


def _answer(tool_use_id: str, error: RedressError) -> ToolResult:
    told = dump_json({"error": type(error).__name__, "message": str(error)}).decode()
    return {"toolUseId": tool_use_id, "status": "error", "content": [{"text": told}]}


class DomainTools:
    """The one MCP session of this process with a domain's server, in memory.

    It may be used by several threads and event loops at once: the session lives on a loop of its
    own. Each call runs in the context of its caller, so the server meets the caller's parts.

    Args:
        domain: Whose tools they are.
        server: Makes the server; called when the session is opened.
    """

    def __init__(self, domain: DomainName, server: Callable[[], FastMCP[Any]]) -> None:
        self.domain = domain
        self._server = server
        self._lock = threading.Lock()
        self._client: MCPClient | None = None
        self._process = 0
        self._listed: list[MCPAgentTool] = []

    def open(self) -> "DomainTools":
        """Open the session and list its tools, if that is not done: a function's INIT does.

        Raises:
            DependencyUnavailableError: the session could not be opened.
        """
        with self._lock:
            if self._client is None or self._lost(self._client):
                self._open()
        return self

    def for_run(self, tokens: Tokens, case_id: str) -> RunTools:
        """Return the tools for one agent run.

        Args:
            tokens: Called once for each call of a tool, in a thread.
            case_id: What the run is about; a token of another case is refused.

        Raises:
            DependencyUnavailableError: the session could not be opened.
        """
        self.open()
        return RunTools(self.domain, self._listed, tokens, case_id)

    def close(self) -> None:
        """End the session; the next run opens another."""
        with self._lock:
            client, self._client = self._client, None
            if client is not None and self._process == os.getpid():
                client.stop(None, None, None)

    def _lost(self, client: MCPClient) -> bool:
        # A thread does not live on in a forked process.
        return self._process != os.getpid() or not client._is_session_active()

    def _open(self) -> None:
        # The SDK's own transport between a client and a server of one process; Strands' types do
        # not name the stream protocols that it yields.
        transport: Any = partial(InMemoryTransport, self._server()._mcp_server)
        client = MCPClient(transport, application_name="redress")
        try:
            client.start()
            listed: list[MCPAgentTool] = []
            token: str | None = None
            while True:
                page = client.list_tools_sync(token)
                listed.extend(page)
                token = page.pagination_token
                if token is None:
                    break
        except Exception as error:
            # The boundary to Strands, which raises what its background thread met, of any class.
            raise DependencyUnavailableError(
                f"the session with the {self.domain} tools could not be opened: {error}"
            ) from error
        self._client, self._listed, self._process = client, listed, os.getpid()
