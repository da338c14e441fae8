"""What a domain's MCP tools answer: trimmed facts by evidence id, and the ids of the rest."""

from collections.abc import Sequence
from typing import Any

from fastmcp.tools import ToolResult
from mcp_types import TextContent, ToolAnnotations

from redress.errors import InvalidInputError, RedressError
from redress.models.base import dump_json
from redress.models.investigation import DomainName, Evidence, EvidenceBundle

MAX_ITEMS = 25
"""Pieces of evidence in one answer; the others are named, to be asked for."""

SUMMARIES_META = "redress/summaries"
"""Field of a result's `_meta`: a few words for people on each piece of evidence."""

READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Annotations of tools that read a ledger."""


def answer_schema(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the output schema of a tool whose facts have these properties, each where it fits."""
    return {
        "type": "object",
        "properties": {
            "evidence": {
                "type": "object",
                "description": "facts by evidence id",
                "additionalProperties": {"type": "object", "properties": facts},
            },
            "missing": {
                "type": "array",
                "items": {"type": "string"},
                "description": "what the ledger should hold and does not",
            },
            "more": {
                "type": "array",
                "items": {"type": "string"},
                "description": "ids of what was left out; ask for them by id",
            },
        },
        "required": ["evidence"],
        "additionalProperties": False,
    }


def found(items: Sequence[Evidence], missing: Sequence[str] = ()) -> ToolResult:
    """Answer with evidence: the first MAX_ITEMS in full, the others by id.

    The text that a model reads is the structured content, compact; what is empty is left out.
    """
    shown, others = items[:MAX_ITEMS], items[MAX_ITEMS:]
    content: dict[str, Any] = {"evidence": {item.evidence_id: item.facts for item in shown}}
    if missing:
        content["missing"] = list(missing)
    if others:
        content["more"] = [item.evidence_id for item in others]
    summaries = {item.evidence_id: item.summary for item in shown}
    return _result(content, meta={SUMMARIES_META: summaries})


def only(
    items: Sequence[Evidence], names: Sequence[str] | None, domain: DomainName
) -> list[Evidence]:
    """Return the pieces of evidence that a caller names, with or without `<domain>/`; all for None.

    Raises:
        InvalidInputError: one of them is not there.
    """
    if names is None:
        return list(items)
    wanted = {f"{domain}/{name.removeprefix(f'{domain}/')}" for name in names}
    if unknown := wanted - {item.evidence_id for item in items}:
        raise InvalidInputError(f"the order has no {min(unknown)}")
    return [item for item in items if item.evidence_id in wanted]


def failed(error: RedressError) -> ToolResult:
    """Answer with a typed error that a caller can act on: its class and one line."""
    return _result({"error": type(error).__name__, "message": str(error)}, is_error=True)


def _result(content: dict[str, Any], **more: Any) -> ToolResult:
    text = TextContent(type="text", text=dump_json(content).decode())
    return ToolResult(content=[text], structured_content=content, **more)


def read_answer(domain: DomainName, content: Any, meta: Any) -> EvidenceBundle:
    """Read back what `found` answered: the evidence of one call, and what is missing.

    Evidence of another domain is left out: a domain vouches for its own facts only.
    """
    evidence = content.get("evidence") if isinstance(content, dict) else None
    told = content.get("missing") if isinstance(content, dict) else None
    summaries = meta.get(SUMMARIES_META) if isinstance(meta, dict) else None
    words = summaries if isinstance(summaries, dict) else {}
    prefix = f"{domain}/"
    return EvidenceBundle(
        domain=domain,
        items=tuple(
            Evidence(evidence_id=name, domain=domain, summary=str(words.get(name, "")), facts=facts)
            for name, facts in (evidence if isinstance(evidence, dict) else {}).items()
            if name.startswith(prefix) and isinstance(facts, dict)
        ),
        missing=tuple(
            name
            for name in (told if isinstance(told, list) else ())
            if isinstance(name, str) and name.startswith(prefix)
        ),
    )
