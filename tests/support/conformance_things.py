"""The tools, resources and prompts that the conformance suite's scenarios ask for by name."""

import base64
from typing import Any

from fastmcp import FastMCP
from fastmcp.prompts import Message
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.tools import ToolResult
from mcp_types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

# One red pixel, and a tenth of a millisecond of silence.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

IMAGE = ImageContent(type="image", data=PNG, mime_type="image/png")
AUDIO = AudioContent(type="audio", data=WAV, mime_type="audio/wav")


def embedded(uri: str) -> EmbeddedResource:
    held = TextResourceContents(uri=uri, mime_type="text/plain", text="This is embedded.")
    return EmbeddedResource(type="resource", resource=held)


def add_everything(server: FastMCP[Any]) -> None:
    """Add what the suite asks for, as far as it needs no way back to the client."""
    simple = TextContent(type="text", text="This is a simple text response for testing.")
    mixed = TextContent(type="text", text="Multiple content types test:")
    answers: dict[str, list[Any]] = {
        "test_simple_text": [simple],
        "test_image_content": [IMAGE],
        "test_audio_content": [AUDIO],
        "test_embedded_resource": [embedded("test://embedded-resource")],
        "test_multiple_content_types": [mixed, IMAGE, embedded("test://mixed-content-resource")],
    }
    for name, content in answers.items():
        _add_tool(server, name, content)

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> ResourceResult:
        held = ResourceContent(base64.b64decode(PNG), mime_type="image/png")
        return ResourceResult([held])

    @server.resource("test://template/{item}/data", mime_type="application/json")
    def template(item: str) -> str:
        return f'{{"id": "{item}", "templateTest": true, "data": "Data for ID: {item}"}}'

    @server.prompt(description="Answers the conformance suite.")
    def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @server.prompt(description="Answers the conformance suite.")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="Answers the conformance suite.")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803 - the suite's name
        return [Message(embedded(resourceUri)), Message("Please process the embedded resource.")]

    @server.prompt(description="Answers the conformance suite.")
    def test_prompt_with_image() -> list[Message]:
        return [Message(IMAGE), Message("Please analyze the image above.")]


def _add_tool(server: FastMCP[Any], name: str, content: list[Any]) -> None:
    def answer() -> ToolResult:
        return ToolResult(content=content)

    server.tool(answer, name=name, description="Answers the conformance suite.")
