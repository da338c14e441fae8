"""What a model can see at one turn: the tools on offer, the facts so far, the calls made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DECODER = json.JSONDecoder()


class Tool:
    """A tool on offer, known by its name and input schema only."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.name: str = spec["name"]
        schema = spec.get("inputSchema", {})
        schema = schema.get("json", schema)
        self.properties: dict[str, Any] = schema.get("properties", {})
        self.required: list[str] = schema.get("required", [])

    @property
    def concludes(self) -> bool:
        """Tell whether this tool takes the final answer."""
        return {"citations", "explanation"} <= self.properties.keys()

    @property
    def proposes(self) -> bool:
        """Tell whether this tool records a proposed action."""
        return "reason_code" in self.properties and not self.concludes


class Call:
    """A call made earlier in the conversation and what came back."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.name = name
        self.arguments = arguments
        self.failed = False


class Conversation:
    """Everything that a turn can be decided on.

    Attributes:
        tools: What may be called now, in the order offered.
        calls: What was called before, in order.
        case: The case's own scalar fields.
        evidence: Facts by evidence id.
        passages: Ids of the policy passages seen.
        missing: Names of what could not be found.
    """

    def __init__(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> None:
        self.tools = [Tool(spec) for spec in tools]
        self.calls: list[Call] = []
        self.case: dict[str, Any] = {}
        self.evidence: dict[str, dict[str, Any]] = {}
        self.passages: dict[str, str] = {}
        self.missing: list[str] = []
        by_id: dict[str, Call] = {}
        for message in messages:
            for block in message["content"]:
                self._read_block(block, message["role"], by_id)

    def called(self, name: str, arguments: Mapping[str, Any] | None = None) -> bool:
        """Tell whether a tool was called, with these arguments if they are given."""
        return any(
            call.name == name and (arguments is None or call.arguments == arguments)
            for call in self.calls
        )

    def _read_block(self, block: Mapping[str, Any], role: str, by_id: dict[str, Call]) -> None:
        if "toolUse" in block:
            use = block["toolUse"]
            by_id[use["toolUseId"]] = call = Call(use["name"], use["input"])
            self.calls.append(call)
        elif "toolResult" in block:
            result = block["toolResult"]
            failed = result.get("status") == "error"
            if failed and result["toolUseId"] in by_id:
                by_id[result["toolUseId"]].failed = True
            for part in result["content"] if not failed else ():
                if "json" in part:
                    self._read_value(part["json"])
                elif "text" in part:
                    self._read_text(part["text"])
        elif "text" in block and role == "user":
            self._read_text(block["text"])

    def _read_text(self, text: str) -> None:
        for value in _json_objects(text):
            self._read_value(value)

    def _read_value(self, value: Any) -> None:
        """Take over the known parts of one JSON object; strings inside stay strings."""
        if not isinstance(value, dict):
            return
        case = value.get("case")
        if isinstance(case, dict):
            self.case.update(case)
        for name, facts in _members(value.get("evidence"), "evidence_id", "facts"):
            if isinstance(facts, dict):
                self.evidence[name] = facts
        for name, text in _members(value.get("passages"), "passage_id", "text"):
            self.passages[name] = text if isinstance(text, str) else ""
        missing = value.get("missing")
        if isinstance(missing, list):
            self.missing += [m for m in missing if isinstance(m, str) and m not in self.missing]


def _members(value: Any, key: str, content: str) -> Iterator[tuple[str, Any]]:
    """Yield (id, content) of a mapping by id or of a list of records."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        for record in value:
            if isinstance(record, dict) and isinstance(record.get(key), str):
                yield record[key], record.get(content)


def _json_objects(text: str) -> Iterator[Any]:
    """Yield the outermost JSON objects that stand in a text."""
    position = text.find("{")
    while position >= 0:
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            yield value
        position = text.find("{", end)
