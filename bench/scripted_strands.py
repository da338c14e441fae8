"""The scripted Strands model and tools, shared by Strands alone and by Redress."""

import os
from collections.abc import AsyncGenerator
from typing import Any

os.environ.setdefault("OTEL_SDK_DISABLED", "true")

import work
from strands import tool
from strands.models.model import Model


class Scripted(Model):
    """Asks one tool per turn, then answers."""

    def update_config(self, **config: Any) -> None:
        """Take nothing."""

    def get_config(self) -> dict[str, Any]:
        """Name the model."""
        return {"model_id": "scripted"}

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        """Not part of the case."""
        raise TypeError("the scripted model has no structured output")

    async def stream(
        self, messages: Any, tool_specs: Any = None, system_prompt: Any = None, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """Yield one turn as Bedrock would."""
        turn = sum("toolResult" in block for m in messages for block in m["content"])
        yield {"messageStart": {"role": "assistant"}}
        if turn < len(work.SCRIPT):
            use = {"toolUseId": f"t{turn}", "name": work.SCRIPT[turn]}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            delta = {"toolUse": {"input": '{"order_id":"A-1001"}'}}
            yield {"contentBlockDelta": {"delta": delta}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "tool_use"}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": work.FINAL}}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "end_turn"}}
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 0}}}


@tool
def get_order(order_id: str) -> dict[str, Any]:
    """Order and its delivery events."""
    return {"status": "success", "content": [{"json": work.get_order(order_id)}]}


@tool
def get_payments(order_id: str) -> dict[str, Any]:
    """Invoice and charges."""
    return {"status": "success", "content": [{"json": work.get_payments(order_id)}]}


@tool
def get_inventory(order_id: str) -> dict[str, Any]:
    """Pick and pack evidence."""
    return {"status": "success", "content": [{"json": work.get_inventory(order_id)}]}


STRANDS_TOOLS = [get_order, get_payments, get_inventory]
