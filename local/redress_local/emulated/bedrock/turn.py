"""One turn of the playbook, as Bedrock's models would give it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from redress_local.emulated.bedrock.requests import ConverseRequest

if TYPE_CHECKING:
    from strands.models.model import Model

_BYTES_PER_TOKEN = 4
"""As the playbook counts tokens."""


class Usage(msgspec.Struct, frozen=True, rename="camel"):
    """The tokens of one call."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered.

    `tool` is {"name", "toolUseId"} where it calls one; `output` is then the JSON text of the
    arguments, cut short where the answer was, otherwise the text.
    """

    tool: dict[str, str] | None
    output: str
    stop_reason: str
    usage: Usage


def load_model() -> Model:
    """Return the playbook; imports Strands, which takes more than a second."""
    from redress.agents.models.playbook.model import PlaybookModel

    return PlaybookModel()


def take_turn(model: Model, request: ConverseRequest) -> Turn:
    """Ask the model for one turn, and end it where the request says; blocking."""
    return asyncio.run(_turn(model, request))


async def _turn(model: Model, request: ConverseRequest) -> Turn:
    tool: dict[str, str] | None = None
    output, reason = "", "end_turn"
    used: dict[str, Any] = {}
    messages: Any = request.messages
    tools: Any = request.tools
    async for event in model.stream(messages, tools, request.system):
        if "contentBlockStart" in event:
            use = event["contentBlockStart"]["start"].get("toolUse")
            if use:
                tool = {"name": use["name"], "toolUseId": use["toolUseId"]}
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            output += delta["toolUse"]["input"] if "toolUse" in delta else delta["text"]
        elif "messageStop" in event:
            reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            used = dict(event["metadata"]["usage"])
    whole = output
    output, reason = _ended(request, tool is not None, output, reason)
    tokens_out = used["outputTokens"]
    if output != whole:
        tokens_out = -(-len(output.encode()) // _BYTES_PER_TOKEN)
    usage = Usage(used["inputTokens"], tokens_out, used["inputTokens"] + tokens_out)
    return Turn(tool=tool, output=output, stop_reason=reason, usage=usage)


def _ended(request: ConverseRequest, is_call: bool, output: str, reason: str) -> tuple[str, str]:
    """Return (output, stop reason) after stop sequences and the limit on tokens."""
    if not is_call:
        ends = [output.find(text) for text in request.stop_sequences if text in output]
        if ends:
            output, reason = output[: min(ends)], "stop_sequence"
    if request.max_tokens is not None:
        data = output.encode()
        longest = request.max_tokens * _BYTES_PER_TOKEN
        if len(data) > longest:
            return data[:longest].decode(errors="ignore"), "max_tokens"
    return output, reason
