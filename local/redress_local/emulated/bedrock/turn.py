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


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer.

    `tool` is {"name", "toolUseId"} where it calls one; `output` is then the JSON text of the
    arguments, cut short where the answer was, otherwise the text.
    """

    tool: dict[str, str] | None
    output: str


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered: one text, or the calls of tools."""

    blocks: tuple[Block, ...]
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
    blocks: list[Block] = []
    reason = "end_turn"
    used: dict[str, Any] = {}
    messages: Any = request.messages
    tools: Any = request.tools
    async for event in model.stream(messages, tools, request.system):
        if "contentBlockStart" in event:
            use = event["contentBlockStart"]["start"].get("toolUse")
            tool = {"name": use["name"], "toolUseId": use["toolUseId"]} if use else None
            blocks.append(Block(tool=tool, output=""))
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            more = delta["toolUse"]["input"] if "toolUse" in delta else delta["text"]
            blocks[-1] = msgspec.structs.replace(blocks[-1], output=blocks[-1].output + more)
        elif "messageStop" in event:
            reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            used = dict(event["metadata"]["usage"])
    ended, reason = _ended(request, blocks, reason)
    tokens_out = used["outputTokens"]
    if ended != blocks:
        tokens_out = -(-sum(len(b.output.encode()) for b in ended) // _BYTES_PER_TOKEN)
    usage = Usage(used["inputTokens"], tokens_out, used["inputTokens"] + tokens_out)
    return Turn(blocks=tuple(ended), stop_reason=reason, usage=usage)


def _ended(request: ConverseRequest, blocks: list[Block], reason: str) -> tuple[list[Block], str]:
    """Return (blocks, stop reason) after stop sequences and the limit on tokens."""
    kept: list[Block] = []
    left = None if request.max_tokens is None else request.max_tokens * _BYTES_PER_TOKEN
    for block in blocks:
        output = block.output
        if block.tool is None:
            ends = [output.find(text) for text in request.stop_sequences if text in output]
            if ends:
                output, reason = output[: min(ends)], "stop_sequence"
        data = output.encode()
        if left is not None and len(data) > left:
            cut = data[:left].decode(errors="ignore")
            return [*kept, msgspec.structs.replace(block, output=cut)], "max_tokens"
        left = None if left is None else left - len(data)
        kept.append(msgspec.structs.replace(block, output=output))
    return kept, reason
