"""The order of play: gather, judge, propose, conclude; one call a turn."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from redress.agents.models.playbook.conversation import Conversation, Tool
from redress.agents.models.playbook.explaining import explain
from redress.agents.models.playbook.ledger import Ledger
from redress.agents.models.playbook.program import write_program
from redress.agents.models.playbook.reasoning import Verdict, judge, shortages

MAX_CITATIONS = 60

_TOPICS = {
    "duplicate_charge": "duplicate charges",
    "overcharged": "charged more than the invoice",
    "refund_not_received": "promised refunds",
    "missing_item": "missing items",
    "not_delivered": "orders that were not delivered",
    "wrong_item": "wrong items",
}


class Step(NamedTuple):
    """What the playbook does in one turn: call a tool, or say something if `tool` is empty."""

    tool: str
    arguments: dict[str, Any]
    text: str = ""


def next_step(conversation: Conversation) -> Step:
    """Return the one thing to do now."""
    ledger = Ledger(conversation.evidence)
    for step in _reads(conversation, ledger):
        if not conversation.called(step.tool, step.arguments):
            return step
    verdict = judge(ledger)
    _add_gaps(conversation, verdict)
    for step in _proposals(conversation.tools, verdict):
        if not conversation.called(step.tool, step.arguments):
            return step
    for tool in conversation.tools:
        if tool.concludes:
            return Step(tool.name, _conclusion(conversation, tool, verdict))
    return Step("", {}, explain(verdict))


def _reads(conversation: Conversation, ledger: Ledger) -> Iterator[Step]:
    """Yield the calls of tools whose arguments are all known, broad ones first."""
    by_product: list[Tool] = []
    for tool in conversation.tools:
        if tool.concludes or tool.proposes:
            continue
        if "sku" in tool.required:
            by_product.append(tool)
            continue
        known = {name: conversation.case.get(name) for name in tool.required}
        if all(isinstance(value, str) for value in known.values()):
            yield Step(tool.name, known)
    if not by_product or not ledger.orders:
        return
    # Stock matters only for what may have to be sent again.
    for sku in dict.fromkeys(shortage.sku for shortage in shortages(ledger)):
        for tool in by_product:
            yield Step(tool.name, {"sku": sku})


def _proposals(tools: Sequence[Tool], verdict: Verdict) -> Iterator[Step]:
    """Yield a call for each action, of the tool whose arguments can say it."""
    for action, subject_id, reason in verdict.actions:
        for tool in tools:
            if not tool.proposes:
                continue
            replaces = "line_id" in tool.properties
            if replaces != (action == "reship_line") and "action" not in tool.properties:
                continue
            said = {
                "action": action,
                "subject_id": subject_id,
                "payment_id": subject_id,
                "line_id": subject_id,
                "reason_code": reason,
            }
            yield Step(tool.name, {name: said[name] for name in tool.required if name in said})
            break


def _add_gaps(conversation: Conversation, verdict: Verdict) -> None:
    """Take what could not be retrieved into account."""
    essential = [name for name in conversation.missing if not name.startswith("inventory/")]
    # A missing invoice or order is a conflict of its own.
    verdict.conflicts += [f"{name} is missing" for name in essential if not verdict.conflicts]


def _conclusion(conversation: Conversation, tool: Tool, verdict: Verdict) -> dict[str, Any]:
    passages = _relevant_passages(conversation, verdict)
    said = {
        "conclusive": not verdict.conflicts,
        "actions": [
            {"action": action, "subject_id": subject_id, "reason_code": reason}
            for action, subject_id, reason in verdict.actions
        ],
        "findings": list(verdict.findings),
        "citations": [*passages, *verdict.citations][:MAX_CITATIONS],
        "explanation": explain(verdict),
        "program": write_program(verdict),
    }
    return {name: said[name] for name in tool.properties if name in said}


def _relevant_passages(conversation: Conversation, verdict: Verdict) -> list[str]:
    """Return the passages whose id or text names what the verdict is about; else the first."""
    words = {
        word
        for _, _, reason in verdict.actions
        for word in _TOPICS[reason].split()
        if len(word) > 6
    }
    found = [
        passage_id
        for passage_id, text in conversation.passages.items()
        if any(word in f"{passage_id} {text}".lower() for word in words)
    ]
    return found or list(conversation.passages)[:1]
