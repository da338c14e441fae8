"""Records what a model answers and replays it, for tests that need no model."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel
from strands.models.model import Model
from strands.types.content import Messages
from strands.types.streaming import StreamEvent
from strands.types.tools import ToolSpec

from redress.errors import InvalidInputError, RecordingMissingError
from redress.models.base import Model as Record
from redress.models.base import parse_json

PARTS = ("system", "tools", "messages")

T = TypeVar("T", bound=BaseModel)


class Cassette(Record, frozen=True):
    """One answer of a model, in one file named by the hash of what it was asked.

    Attributes:
        spec: The specification of the model that answered.
        model_id: Its id, under which it is priced.
        system, tools, messages: SHA-256 of the normalised parts of the prompt.
        content: The answer's content blocks.
        stop_reason: Why it stopped.
        usage: Its token counts.
    """

    schema_version: str
    spec: str
    model_id: str
    system: str
    tools: str
    messages: str
    content: tuple[dict[str, Any], ...]
    stop_reason: str
    usage: dict[str, int]

    @property
    def key(self) -> str:
        """Return the hash of the whole prompt."""
        return _hash([self.system, self.tools, self.messages])


def prompt_hashes(
    system_prompt: str | None,
    tool_specs: Sequence[Mapping[str, Any]] | None,
    messages: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
    """Return the SHA-256 of each part of a prompt.

    Normalised: tools by name, tool use ids by order of appearance, cache points left out.
    """
    names: dict[str, str] = {}
    tools = sorted(tool_specs or (), key=lambda spec: str(spec["name"]))
    return {
        "system": _hash(system_prompt or ""),
        "tools": _hash(tools),
        "messages": _hash([_normalised(message, names) for message in messages]),
    }


class _ByTools(Model):
    """A model that is asked for its answers by tools only."""

    async def structured_output(
        self, output_model: type[T], prompt: Messages, system_prompt: str | None = None, **_: Any
    ) -> AsyncGenerator[dict[str, T | Any], None]:
        """Refuse: agents of this package answer by tools."""
        del output_model, prompt, system_prompt
        raise RecordingMissingError("structured output is not recorded; answer by a tool")
        yield {}


class RecordedModel(_ByTools):
    """Answers from cassettes and from nothing else: one model's in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise InvalidInputError(
                f"no folder of recordings at {folder}; record with "
                f"--model record:{folder}:<specification>"
            )
        known = _read_folder(self._folder)
        self.config: dict[str, Any] = {
            "model_id": known[0].model_id if known else "recorded",
            "context_window_limit": 200_000,
        }

    def update_config(self, **model_config: Any) -> None:
        """Change the configuration."""
        self.config.update(model_config)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration; `model_id` is the recorded model's."""
        return self.config

    async def stream(
        self,
        messages: Messages,
        tool_specs: list[ToolSpec] | None = None,
        system_prompt: str | None = None,
        **_: Any,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Yield the recorded answer to this very prompt.

        Raises:
            RecordingMissingError: there is none; the message says which part of it is new.
        """
        parts = prompt_hashes(system_prompt, tool_specs, messages)
        path = self._folder / f"{_hash(list(parts.values()))[:32]}.json"
        try:
            cassette = parse_json(Cassette, path.read_bytes())
        except FileNotFoundError:
            raise RecordingMissingError(self._explain(parts)) from None
        except InvalidInputError as error:
            raise RecordingMissingError(f"{path} is no recording: {error}") from error
        for event in _replay(cassette):
            yield event

    def _explain(self, parts: Mapping[str, str]) -> str:
        known = _read_folder(self._folder)
        spec = known[0].spec if known else "<specification>"
        changed = [name for name in PARTS if parts[name] not in {getattr(c, name) for c in known}]
        what = {
            "system": "the system prompt",
            "tools": "the tools",
            "messages": "the messages",
        }
        if not known:
            reason = "the folder holds no recordings"
        elif changed:
            reason = f"{' and '.join(what[name] for name in changed)} changed"
        else:
            reason = "its parts were recorded, but never together"
        return (
            f"no recording in {self._folder} for this prompt: {reason}; record again with "
            f"REDRESS_MODEL='record:{self._folder}:{spec}'"
        )


class RecordingModel(_ByTools):
    """Passes everything on to another model and keeps its answers."""

    def __init__(self, folder: str, spec: str, inner: Model) -> None:
        self._folder = Path(folder)
        self._spec = spec
        self._inner = inner

    def update_config(self, **model_config: Any) -> None:
        """Change the other model's configuration."""
        self._inner.update_config(**model_config)

    def get_config(self) -> Any:
        """Return the other model's configuration."""
        return self._inner.get_config()

    async def stream(
        self,
        messages: Messages,
        tool_specs: list[ToolSpec] | None = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Yield the other model's events; a complete answer is written to the folder."""
        parts = prompt_hashes(system_prompt, tool_specs, messages)
        events: list[StreamEvent] = []
        async for event in self._inner.stream(messages, tool_specs, system_prompt, **kwargs):
            events.append(event)
            yield event
        content, stop_reason, usage = _collect(events)
        if stop_reason:
            config = self._inner.get_config()
            self._write(
                Cassette(
                    schema_version="1",
                    spec=self._spec,
                    model_id=str(config.get("model_id") or self._spec),
                    content=tuple(content),
                    stop_reason=stop_reason,
                    usage=usage,
                    **parts,
                )
            )

    def _write(self, cassette: Cassette) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{cassette.key[:32]}.json"
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(cassette), indent=1) + b"\n")
        draft.replace(path)


def _read_folder(folder: Path) -> list[Cassette]:
    found: list[Cassette] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(parse_json(Cassette, path.read_bytes()))
        except InvalidInputError:
            # A foreign file in the folder must not hide what is missing.
            continue
    return found


def _replay(cassette: Cassette) -> list[StreamEvent]:
    events: list[Any] = [{"messageStart": {"role": "assistant"}}]
    for block in cassette.content:
        if "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"name": use["name"], "toolUseId": use["toolUseId"]}}
            delta: dict[str, Any] = {"toolUse": {"input": json.dumps(use["input"])}}
        else:
            start, delta = {}, {"text": block["text"]}
        events.append({"contentBlockStart": {"start": start}})
        events.append({"contentBlockDelta": {"delta": delta}})
        events.append({"contentBlockStop": {}})
    events.append({"messageStop": {"stopReason": cassette.stop_reason}})
    events.append({"metadata": {"usage": cassette.usage, "metrics": {"latencyMs": 0}}})
    return events


def _collect(
    events: Sequence[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], str, dict[str, int]]:
    """Return (content blocks, stop reason, token counts); reasoning is not kept."""
    content: list[dict[str, Any]] = []
    use: dict[str, Any] | None = None
    text = ""
    stop_reason = ""
    usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    for event in events:
        if "contentBlockStart" in event:
            use = event["contentBlockStart"]["start"].get("toolUse")
            text = ""
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            text += delta["toolUse"]["input"] if "toolUse" in delta else delta.get("text", "")
        elif "contentBlockStop" in event:
            if use is not None:
                arguments = _arguments(text)
                content.append(
                    {
                        "toolUse": {
                            "name": use["name"],
                            "toolUseId": use["toolUseId"],
                            "input": arguments,
                        }
                    }
                )
            elif text:
                content.append({"text": text})
            use, text = None, ""
        elif "messageStop" in event:
            stop_reason = str(event["messageStop"]["stopReason"])
        elif "metadata" in event:
            usage.update(
                {k: v for k, v in event["metadata"]["usage"].items() if isinstance(v, int)}
            )
    return content, stop_reason, usage


def _arguments(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return {}


def _normalised(message: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    blocks: list[Any] = []
    for block in message["content"]:
        if "toolUse" in block:
            blocks.append({"toolUse": _renamed(block["toolUse"], names)})
        elif "toolResult" in block:
            blocks.append({"toolResult": _renamed(block["toolResult"], names)})
        elif "cachePoint" not in block:
            blocks.append(block)
    return {"role": message["role"], "content": blocks}


def _renamed(block: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    name = names.setdefault(block["toolUseId"], f"call_{len(names)}")
    return {**block, "toolUseId": name}


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
