"""The offline default: a Strands model that is not an LLM and follows a fixed playbook."""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel
from strands.models.model import Model
from strands.types.content import Messages, SystemContentBlock
from strands.types.streaming import StreamEvent
from strands.types.tools import ToolSpec

from redress.agents.models.playbook.conversation import Conversation
from redress.agents.models.playbook.gathering import Step
from redress.agents.models.playbook.playing import next_step, next_steps

BYTES_PER_TOKEN = 4
"""The token estimate: JSON bytes / 4, rounded up; stable, and near what tokenizers give."""

T = TypeVar("T", bound=BaseModel)


class PlaybookModel(Model):
    """Reads the tools on offer and the conversation so far, and plays the next step.

    It keeps no state, so one object serves all agents; the same conversation always gives the
    same answer, tool use ids included, so a run replays.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {"model_id": "playbook", "context_window_limit": 200_000}

    def update_config(self, **model_config: Any) -> None:
        """Change the configuration; nothing in it changes the play."""
        self.config.update(model_config)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return self.config

    async def count_tokens(
        self,
        messages: Messages,
        tool_specs: list[ToolSpec] | None = None,
        system_prompt: str | None = None,
        system_prompt_content: list[SystemContentBlock] | None = None,
    ) -> int:
        """Estimate the tokens of an input."""
        del system_prompt_content
        return _tokens([system_prompt, tool_specs, messages])

    async def structured_output(
        self, output_model: type[T], prompt: Messages, system_prompt: str | None = None, **_: Any
    ) -> AsyncGenerator[dict[str, T | Any], None]:
        """Answer with the arguments that the playbook would give a tool of this schema."""
        del system_prompt
        spec = {"name": output_model.__name__, "inputSchema": output_model.model_json_schema()}
        step = next_step(Conversation(prompt, [spec]))
        yield {"output": output_model.model_validate(step.arguments)}

    async def stream(
        self,
        messages: Messages,
        tool_specs: list[ToolSpec] | None = None,
        system_prompt: str | None = None,
        **_: Any,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Yield the events of one turn."""
        steps = next_steps(Conversation(messages, tool_specs or []))
        history = msgspec.json.encode(messages)
        output = ""
        yield {"messageStart": {"role": "assistant"}}
        for number, step in enumerate(steps):
            said = msgspec.json.encode(step.arguments).decode() if step.tool else step.text
            output += said
            # Tool use ids differ by what is called and by the place in the turn.
            seed = step.tool if not number else f"{step.tool}#{number}"
            for event in _content(step, history + seed.encode(), said):
                yield event
        yield {"messageStop": {"stopReason": "tool_use" if steps[0].tool else "end_turn"}}
        tokens_in = -(-(len(history) + _size([system_prompt, tool_specs])) // BYTES_PER_TOKEN)
        tokens_out = -(-len(output.encode()) // BYTES_PER_TOKEN)
        yield {
            "metadata": {
                "usage": {
                    "inputTokens": tokens_in,
                    "outputTokens": tokens_out,
                    "totalTokens": tokens_in + tokens_out,
                },
                "metrics": {"latencyMs": 0},
            }
        }


def _content(step: Step, seed: bytes, output: str) -> Sequence[StreamEvent]:
    if not step.tool:
        return (
            {"contentBlockStart": {"start": {}}},
            {"contentBlockDelta": {"delta": {"text": output}}},
            {"contentBlockStop": {}},
        )
    digest = hashlib.sha256(seed).hexdigest()[:24]
    return (
        {
            "contentBlockStart": {
                "start": {"toolUse": {"name": step.tool, "toolUseId": f"tooluse_{digest}"}}
            }
        },
        {"contentBlockDelta": {"delta": {"toolUse": {"input": output}}}},
        {"contentBlockStop": {}},
    )


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _tokens(value: Any) -> int:
    return -(-_size(value) // BYTES_PER_TOKEN)
