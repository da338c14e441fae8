"""Reads Converse requests and refuses what Bedrock refuses, in its words."""

from __future__ import annotations

from typing import Any

import msgspec
from asl_engine.api.shapes import read_input, service_model

from redress_local.emulated.bedrock.errors import BedrockError

Block = dict[str, Any]


class ConverseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A checked request.

    Attributes:
        messages: The conversation, as sent.
        tools: The specs of the tools that may be called now.
        system: The system prompt, None without one.
        max_tokens: The longest answer, None for the model's own limit.
        stop_sequences: Texts at which a text answer ends.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    system: str | None
    max_tokens: int | None
    stop_sequences: tuple[str, ...]


def read_request(model_id: str, body: bytes) -> ConverseRequest:
    """Return the request of a Converse or ConverseStream call.

    Raises:
        BedrockError: A ValidationException that says what is wrong, or another refusal.
    """
    try:
        value = msgspec.json.decode(body or b"{}")
    except (ValueError, RecursionError):
        raise _invalid("The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise _invalid("The request body must be a JSON object.")
    shape = service_model("bedrock-runtime").shape_for("ConverseRequest")
    _, problems = read_input({**value, "modelId": model_id}, shape)
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise _invalid(f"{count}: {'; '.join(problems[:20])}")
    if value.get("guardrailConfig"):
        raise _invalid("The guardrail identifier or version provided does not exist.")
    tools = _tools(value.get("toolConfig") or {})
    messages = value.get("messages") or []
    _check_messages(messages, bool(value.get("toolConfig")))
    inference = value.get("inferenceConfig") or {}
    system = "\n".join(b["text"] for b in value.get("system") or () if "text" in b)
    return ConverseRequest(
        messages=messages,
        tools=tools,
        system=system or None,
        max_tokens=inference.get("maxTokens"),
        stop_sequences=tuple(inference.get("stopSequences") or ()),
    )


def _tools(config: dict[str, Any]) -> list[dict[str, Any]]:
    specs = [tool["toolSpec"] for tool in config.get("tools") or () if tool.get("toolSpec")]
    names = [spec["name"] for spec in specs]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _invalid(f"The tool {name} is already defined at toolConfig.tools.{place}.")
    wanted = ((config.get("toolChoice") or {}).get("tool") or {}).get("name")
    if wanted is None:
        return specs
    if wanted not in names:
        raise _invalid(f"The tool {wanted} in toolChoice is not defined in toolConfig.tools.")
    return [spec for spec in specs if spec["name"] == wanted]


def _check_messages(messages: list[dict[str, Any]], may_use_tools: bool) -> None:
    if not messages or messages[0]["role"] != "user":
        raise _invalid(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    before: dict[str, Any] | None = None
    for place, message in enumerate(messages):
        if message["role"] not in ("user", "assistant"):
            raise _invalid(
                f"1 validation error detected: Value '{message['role']}' at 'messages.{place + 1}"
                ".member.role' failed to satisfy constraint: Member must satisfy enum value set: "
                "[user, assistant]"
            )
        if before is not None and before["role"] == message["role"]:
            raise _invalid(
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        _check_blocks(message["content"], f"messages.{place}", may_use_tools)
        _check_results(before, message, place)
        before = message
    if messages[-1]["role"] != "user":
        raise _invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )


def _check_blocks(content: list[Block], place: str, may_use_tools: bool) -> None:
    if not content:
        raise _invalid(
            f"The content field in the Message object at {place} is empty. Add a ContentBlock "
            "object to the content field and try again."
        )
    for index, block in enumerate(content):
        if len(block) != 1:
            raise _invalid(
                f"The ContentBlock object at {place}.content.{index} must set one field only."
            )
        if "text" in block and not block["text"].strip():
            raise _invalid(
                f"The text field in the ContentBlock object at {place}.content.{index} is blank. "
                "Add text to the text field, and try again."
            )
        if not may_use_tools and ("toolUse" in block or "toolResult" in block):
            raise _invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content "
                "blocks."
            )


def _check_results(before: dict[str, Any] | None, message: dict[str, Any], place: int) -> None:
    """Hold the results of a turn against the calls of the turn before."""
    asked = [
        block["toolUse"]["toolUseId"]
        for block in (before["content"] if before and before["role"] == "assistant" else ())
        if "toolUse" in block
    ]
    given = [b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b]
    if message["role"] == "assistant" and not given:
        return
    if len(given) > len(asked):
        raise _invalid(
            f"The number of toolResult blocks at messages.{place}.content exceeds the number of "
            "toolUse blocks of previous turn."
        )
    missing = [name for name in asked if name not in given]
    if missing:
        raise _invalid(
            f"Expected toolResult blocks at messages.{place}.content for the following Ids: "
            f"{', '.join(missing)}"
        )


def _invalid(message: str) -> BedrockError:
    return BedrockError("ValidationException", message)
