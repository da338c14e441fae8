"""What Bedrock refuses is refused, in its words."""

from typing import Any

import msgspec
import pytest
from redress_local.emulated.bedrock.errors import BedrockError
from redress_local.emulated.bedrock.requests import read_request

MODEL = "eu.anthropic.claude-sonnet-4-5-v1:0"
TOOL = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
ASKED = {"role": "user", "content": [{"text": "hello"}]}
CALL = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "seen"}]}}


def said(role: str, *content: Any) -> dict[str, Any]:
    return {"role": role, "content": list(content)}


def read(**value: Any) -> Any:
    return read_request(MODEL, msgspec.json.encode(value))


def test_a_whole_request() -> None:
    request = read(
        messages=[ASKED, said("assistant", {"text": "so"}, CALL), said("user", RESULT)],
        toolConfig={"tools": [TOOL, {"cachePoint": {"type": "default"}}]},
        system=[{"text": "a"}, {"cachePoint": {"type": "default"}}, {"text": "b"}],
        inferenceConfig={"maxTokens": 7, "stopSequences": ["x"]},
    )
    assert request.system == "a\nb"
    assert request.tools == [TOOL["toolSpec"]]
    assert (request.max_tokens, request.stop_sequences) == (7, ("x",))
    assert len(request.messages) == 3


def test_a_chosen_tool_is_the_only_one() -> None:
    other = {"toolSpec": {"name": "other", "inputSchema": {"json": {}}}}
    choice = {"tool": {"name": "other"}}
    request = read(messages=[ASKED], toolConfig={"tools": [TOOL, other], "toolChoice": choice})
    assert [tool["name"] for tool in request.tools] == ["other"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "must start with a user message"),
        ({"messages": []}, "must start with a user message"),
        ({"messages": [said("assistant", {"text": "x"})]}, "must start with a user"),
        ({"messages": [said("robot", {"text": "x"})]}, "enum value set"),
        ({"messages": [ASKED, ASKED]}, "must alternate"),
        ({"messages": [ASKED, said("assistant", {"text": "x"})]}, "prefill"),
        ({"messages": [said("user")]}, "content field in the Message object at messages.0"),
        ({"messages": [said("user", {"text": "  "})]}, "is blank"),
        ({"messages": [said("user", {})]}, "one field only"),
        ({"messages": [{"role": "user"}]}, "must not be null"),
        ({"messages": "hello"}, "Member must be an array"),
        ({"messages": [7]}, "Member must be an object"),
        ({"messages": [said("user", {"text": 7})]}, "Member must be a string"),
        ({"messages": [ASKED, said("assistant", CALL), said("user", RESULT)]}, "toolConfig"),
        ({"messages": [said("user", RESULT)], "toolConfig": {"tools": [TOOL]}}, "exceeds"),
        (
            {
                "messages": [ASKED, said("assistant", CALL), said("user", {"text": "x"})],
                "toolConfig": {"tools": [TOOL]},
            },
            "following Ids: t1",
        ),
        ({"messages": [ASKED], "toolConfig": {"tools": []}}, "length greater than"),
        ({"messages": [ASKED], "toolConfig": {"tools": [TOOL, TOOL]}}, "already defined"),
        (
            {
                "messages": [ASKED],
                "toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "x"}}},
            },
            "not defined",
        ),
        ({"messages": [ASKED], "inferenceConfig": {"maxTokens": 0}}, "greater than or equal"),
        ({"messages": [ASKED], "inferenceConfig": {"temperature": "hot"}}, "a number"),
        (
            {
                "messages": [ASKED],
                "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            },
            "guardrail",
        ),
    ],
)
def test_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(BedrockError, match=message) as caught:
        read(**value)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_no_json_object(body: bytes) -> None:
    with pytest.raises(BedrockError, match="JSON"):
        read_request(MODEL, body)
