"""What a model can see at one turn: the tools on offer, the facts so far, the calls made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DECODER = json.JSONDecoder()


class Tool:
    """A tool on offer, known by its input schema, and by its words where the schema is no help."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.name: str = spec["name"]
        schema = spec.get("inputSchema", {})
        schema = schema.get("json", schema)
        self.properties: dict[str, Any] = schema.get("properties", {})
        self.required: list[str] = schema.get("required", [])
        self._words = f"{self.name} {spec.get('description', '')}".lower()

    @property
    def concludes(self) -> bool:
        """Tell whether this tool takes the final answer."""
        return {"citations", "explanation"} <= self.properties.keys()

    @property
    def proposes(self) -> bool:
        """Tell whether this tool records a proposed action."""
        return "reason_code" in self.properties and not self.concludes

    @property
    def delegates(self) -> bool:
        """Tell whether this tool hands a question to somebody else."""
        return "question" in self.required and not self.concludes

    @property
    def tells_stock(self) -> bool:
        """Tell whether this tool says what can be sent again."""
        by_product = {"sku", "skus"} & set(self.required)
        return bool(by_product) or (self.delegates and "stock" in self._words)

    @property
    def id_list(self) -> str:
        """Return the argument that takes the ids of what a first answer left out; or nothing."""
        return next((name for name in self.properties if name.endswith("_ids")), "")


class Call:
    """A call made earlier in the conversation and what came back."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.name = name
        self.arguments = arguments
        self.failed = False
        self.more: list[str] = []


class Conversation:
    """Everything that a turn can be decided on.

    Attributes:
        tools: What may be called now, in the order offered.
        calls: What was called before, in order.
        case: The case's own fields.
        question: What is asked about it, if anything is.
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
        self.question = ""
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
            answered = by_id.get(result["toolUseId"])
            if result.get("status") == "error":
                if answered is not None:
                    answered.failed = True
                return
            for part in result["content"]:
                values = _json_objects(part["text"]) if "text" in part else [part.get("json")]
                for value in values:
                    self._read_value(value)
                    if answered is not None:
                        answered.more += _strings(value, "more")
        elif "text" in block and role == "user":
            for value in _json_objects(block["text"]):
                self._read_value(value)

    def _read_value(self, value: Any) -> None:
        """Take over the known parts of one JSON object; strings inside stay strings."""
        if not isinstance(value, dict):
            return
        case = value.get("case")
        if isinstance(case, dict):
            self.case.update(case)
        if isinstance(value.get("question"), str):
            self.question = value["question"]
        for name, facts in _members(value.get("evidence"), "evidence_id", "facts"):
            if isinstance(facts, dict):
                self.evidence[name] = facts
        for name, text in _members(value.get("passages"), "passage_id", "text"):
            self.passages[name] = text if isinstance(text, str) else ""
        self.missing += [m for m in _strings(value, "missing") if m not in self.missing]


def _strings(value: Any, name: str) -> list[str]:
    """Return the texts of a list in an object; nothing where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


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
