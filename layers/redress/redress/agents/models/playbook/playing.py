"""The order of play: gather, judge, propose, conclude."""

from collections.abc import Iterator, Sequence
from typing import Any

from redress.agents.models.playbook.conversation import Conversation, Tool
from redress.agents.models.playbook.explaining import explain, report
from redress.agents.models.playbook.gathering import Step, add_gaps, gather
from redress.agents.models.playbook.ledger import Ledger
from redress.agents.models.playbook.program import write_program
from redress.agents.models.playbook.reasoning import Verdict, judge

MAX_CITATIONS = 60

_TOPICS = {
    "duplicate_charge": "duplicate charges",
    "overcharged": "charged more than the invoice",
    "refund_not_received": "promised refunds",
    "missing_item": "missing items",
    "not_delivered": "orders that were not delivered",
    "wrong_item": "wrong items",
}


def next_step(conversation: Conversation) -> Step:
    """Return the first thing to do now."""
    return next_steps(conversation)[0]


def next_steps(conversation: Conversation) -> list[Step]:
    """Return what to do in this turn: several calls where none waits for another, else one thing.

    Whoever only reports decides nothing between two reads, and whoever delegates lets the others
    work side by side. Who concludes reads one thing after the other.
    """
    ledger = Ledger(conversation.evidence)
    concluding = next((tool for tool in conversation.tools if tool.concludes), None)
    reads = [step for step in gather(conversation, ledger) if not _is_done(conversation, step)]
    delegated = {tool.name for tool in conversation.tools if tool.delegates}
    if reads and (concluding is None or reads[0].tool in delegated):
        return reads
    if reads:
        return reads[:1]
    verdict = judge(ledger)
    add_gaps(conversation, ledger, verdict)
    for step in _proposals(conversation.tools, verdict):
        if not conversation.called(step.tool, step.arguments):
            return [step]
    if concluding is not None:
        return [Step(concluding.name, _conclusion(conversation, concluding, verdict))]
    told = report(conversation) if conversation.tools else explain(verdict)
    return [Step("", {}, told)]


def _is_done(conversation: Conversation, step: Step) -> bool:
    """Tell whether a call was made before; one that hands on a question, whatever its words."""
    arguments = None if "question" in step.arguments else step.arguments
    return conversation.called(step.tool, arguments)


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
