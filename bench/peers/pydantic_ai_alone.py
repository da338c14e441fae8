"""Pydantic AI: one agent, nothing durable but the refund row."""

import json
from typing import Any

import _path  # noqa: F401
import harness
import work
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "pydantic-ai") / "ledger.db")


def scripted(messages: Any, info: Any) -> ModelResponse:
    turn = sum(isinstance(part, ToolReturnPart) for m in messages for part in m.parts)
    if turn < len(work.SCRIPT):
        part: Any = ToolCallPart(work.SCRIPT[turn], {"order_id": "A-1001"}, tool_call_id=f"t{turn}")
    else:
        part = TextPart(work.FINAL)
    return ModelResponse(parts=[part])


agent = Agent(
    FunctionModel(scripted),
    instructions=work.SYSTEM,
    tools=[work.get_order, work.get_payments, work.get_inventory],
    name="case",
)


async def run(case: str) -> dict[str, Any]:
    result = await agent.run(work.PROMPT.format(case=case))
    return ledger.refund(case, json.loads(result.output)["refund_minor"])


if __name__ == "__main__":
    harness.measure("Pydantic AI", run, ledger.count, "no")
