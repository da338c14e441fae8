"""The example case, and language model servers on loopback that the playbook answers for."""

import asyncio
import binascii
import json
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from example_case import ExampleCase
from redress.agents.models.playbook.model import PlaybookModel

PLAYBOOK = PlaybookModel()
Refusal = tuple[int, str, str]


@pytest.fixture
def example() -> ExampleCase:
    return ExampleCase()


class StubServer:
    """A model server on loopback.

    Attributes:
        url: Where it listens.
        requests: The bodies it was sent, decoded.
        refuse: Given the number of the request, from 0, the refusal to send instead of an answer.
        answers: Answers to send one after the other instead of the playbook's: events of Converse.
        garble: Changes the bytes of an answer on their way out.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.refuse: Callable[[int], Refusal | None] = lambda number: None
        self.answers: list[Sequence[dict[str, Any]]] = []
        self.garble: Callable[[bytes], bytes] = lambda body: body

    def events(
        self, messages: list[Any], tools: list[Any], system: str | None
    ) -> list[dict[str, Any]]:
        """Return the events of the next answer."""
        if self.answers:
            return list(self.answers.pop(0))

        async def play() -> list[Any]:
            return [event async for event in PLAYBOOK.stream(messages, tools, system)]

        return asyncio.run(play())


def serve(stub: StubServer, handler: type[BaseHTTPRequestHandler]) -> Iterator[StubServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


def frame(kind: str, payload: dict[str, Any], message_type: str = "event") -> bytes:
    """Encode one message of application/vnd.amazon.eventstream."""
    type_header = ":event-type" if message_type == "event" else ":exception-type"
    headers = b"".join(
        struct.pack("B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in (
            (":message-type", message_type),
            (type_header, kind),
            (":content-type", "application/json"),
        )
    )
    body = msgspec.json.encode(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack(">I", binascii.crc32(prelude))
    message = prelude + headers + body
    return message + struct.pack(">I", binascii.crc32(message))


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """Bedrock Runtime's ConverseStream, with real event-stream frames."""
    stub = StubServer()

    class Handler(_Quiet):
        def do_POST(self) -> None:
            request = self.body()
            stub.requests.append(request)
            refusal = stub.refuse(len(stub.requests) - 1)
            path = urllib.parse.unquote(self.path)
            if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256"):
                refusal = (403, "AccessDeniedException", "the request is not signed")
            elif not path.endswith("/converse-stream"):
                refusal = (404, "UnknownOperationException", path)
            if refusal:
                status, kind, message = refusal
                self.answer(
                    status,
                    {"x-amzn-errortype": kind, "content-type": "application/json"},
                    msgspec.json.encode({"message": message}),
                )
                return
            tools = [t["toolSpec"] for t in request["toolConfig"]["tools"] if "toolSpec" in t]
            system = " ".join(block["text"] for block in request["system"] if "text" in block)
            frames = b""
            for event in stub.events(request["messages"], tools, system):
                ((kind, payload),) = event.items()
                if kind == "contentBlockStart" and not payload["start"]:
                    continue  # Bedrock sends none for text
                index = {"contentBlockIndex": 0} if kind.startswith("contentBlock") else {}
                frames += frame(kind, {**payload, **index}, payload.get("type", "event"))
            headers = {"content-type": "application/vnd.amazon.eventstream"}
            self.answer(200, headers, stub.garble(frames))

    for name, value in {
        "AWS_ACCESS_KEY_ID": "stub",
        "AWS_SECRET_ACCESS_KEY": "stub",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for served in serve(stub, Handler):
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", served.url)
        yield served


@pytest.fixture
def openai_server() -> Iterator[StubServer]:
    """Chat completions, streamed, as Ollama, vLLM and llama.cpp serve them."""
    stub = StubServer()

    class Handler(_Quiet):
        def do_POST(self) -> None:
            request = self.body()
            stub.requests.append({**request, "authorization": self.headers["authorization"]})
            refusal = stub.refuse(len(stub.requests) - 1)
            if self.path != "/v1/chat/completions":
                refusal = (404, "not_found", self.path)
            if refusal:
                status, kind, message = refusal
                body = {"error": {"code": kind, "type": kind, "message": message}}
                headers = {"content-type": "application/json"}
                self.answer(status, headers, msgspec.json.encode(body))
                return
            messages, system = from_chat(request["messages"])
            tools = [
                {
                    "name": tool["function"]["name"],
                    "inputSchema": {"json": tool["function"]["parameters"]},
                }
                for tool in request["tools"]
            ]
            lines = "".join(
                f"data: {json.dumps(chunk)}\n\n"
                for chunk in to_chunks(stub.events(messages, tools, system))
            )
            body = stub.garble(f"{lines}data: [DONE]\n\n".encode())
            self.answer(200, {"content-type": "text/event-stream"}, body)

    yield from serve(stub, Handler)


def from_chat(chat: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Turn chat messages into Converse messages and the system prompt."""
    system = ""
    messages: list[dict[str, Any]] = []
    for message in chat:
        role, content = message["role"], message.get("content")
        if isinstance(content, list):
            content = "\n".join(part["text"] for part in content)
        if role == "system":
            system = content
        elif role == "tool":
            result = {
                "toolUseId": message["tool_call_id"],
                "content": [{"text": content}],
                "status": "success",
            }
            messages.append({"role": "user", "content": [{"toolResult": result}]})
        else:
            blocks: list[dict[str, Any]] = [{"text": content}] if content else []
            blocks += [
                {
                    "toolUse": {
                        "toolUseId": call["id"],
                        "name": call["function"]["name"],
                        "input": json.loads(call["function"]["arguments"]),
                    }
                }
                for call in message.get("tool_calls") or ()
            ]
            messages.append({"role": role, "content": blocks})
    return messages, system


def to_chunks(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Turn Converse events into chunks of a chat completion; arguments come in pieces."""
    base = {"id": "chat_1", "object": "chat.completion.chunk", "created": 0, "model": "stub"}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    for event in events:
        if "contentBlockStart" in event and event["contentBlockStart"]["start"]:
            use = event["contentBlockStart"]["start"]["toolUse"]
            function = {"name": use["name"], "arguments": ""}
            call = {"index": 0, "id": use["toolUseId"], "type": "function", "function": function}
            yield chunk({"role": "assistant", "tool_calls": [call]})
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            if "text" in delta:
                yield chunk({"content": delta["text"]})
                continue
            text = delta["toolUse"]["input"]
            for start in range(0, len(text), 700):
                piece = {"arguments": text[start : start + 700]}
                yield chunk({"tool_calls": [{"index": 0, "function": piece}]})
        elif "messageStop" in event:
            reason = event["messageStop"]["stopReason"]
            yield chunk({}, "tool_calls" if reason == "tool_use" else "stop")
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
            yield {
                **base,
                "choices": [],
                "usage": {
                    "prompt_tokens": usage["inputTokens"],
                    "completion_tokens": usage["outputTokens"],
                    "total_tokens": usage["totalTokens"],
                },
            }
