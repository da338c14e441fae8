"""OpenAI Agents SDK: one agent, nothing durable but the refund row."""

import json
from typing import Any

import _path  # noqa: F401
import harness
import work
from agents import Agent, Runner, function_tool, set_tracing_disabled
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

set_tracing_disabled(True)
ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "openai-agents") / "ledger.db")


class Scripted(Model):
    async def get_response(
        self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any
    ) -> ModelResponse:
        items = input if isinstance(input, list) else []
        turn = sum(
            isinstance(item, dict) and item.get("type") == "function_call_output" for item in items
        )
        output: Any
        if turn < len(work.SCRIPT):
            output = ResponseFunctionToolCall(
                arguments='{"order_id":"A-1001"}',
                call_id=f"t{turn}",
                name=work.SCRIPT[turn],
                type="function_call",
            )
        else:
            text = ResponseOutputText(text=work.FINAL, type="output_text", annotations=[])
            output = ResponseOutputMessage(
                id="m", role="assistant", status="completed", type="message", content=[text]
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("the scripted model does not stream")


@function_tool
def get_order(order_id: str) -> str:
    """Order and its delivery events."""
    return json.dumps(work.get_order(order_id))


@function_tool
def get_payments(order_id: str) -> str:
    """Invoice and charges."""
    return json.dumps(work.get_payments(order_id))


@function_tool
def get_inventory(order_id: str) -> str:
    """Pick and pack evidence."""
    return json.dumps(work.get_inventory(order_id))


agent = Agent(
    name="case",
    instructions=work.SYSTEM,
    model=Scripted(),
    tools=[get_order, get_payments, get_inventory],
)


async def run(case: str) -> dict[str, Any]:
    result = await Runner.run(agent, work.PROMPT.format(case=case))
    return ledger.refund(case, json.loads(result.final_output)["refund_minor"])


if __name__ == "__main__":
    harness.measure("OpenAI Agents", run, ledger.count, "no")
