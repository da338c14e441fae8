"""What the playbook asks for, of which tool, and what it makes of answers that do not come."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from redress.agents.models.playbook.conversation import Conversation, Tool
from redress.agents.models.playbook.ledger import Ledger
from redress.agents.models.playbook.reasoning import Verdict, shortages

IDS_AT_ONCE = 25
"""Ids in one call, unless the tool's schema allows fewer."""

MAX_QUESTION = 2_000
"""Characters of a question to another agent."""

UNANSWERED = ("unavailable", "not_permitted")
"""Names after a domain's: it gave no answer at all."""


class Step(NamedTuple):
    """What the playbook does in one turn: call a tool, or say something if `tool` is empty."""

    tool: str
    arguments: dict[str, Any]
    text: str = ""


def gather(conversation: Conversation, ledger: Ledger) -> Iterator[Step]:
    """Yield the calls of tools whose arguments are all known, broad ones first."""
    stock: list[Tool] = []
    for tool in conversation.tools:
        if tool.concludes or tool.proposes:
            continue
        if tool.tells_stock:
            stock.append(tool)
            continue
        if tool.delegates:
            yield Step(tool.name, {"question": _QUESTION})
            continue
        known = {name: conversation.case.get(name) for name in tool.required}
        if all(isinstance(value, str) for value in known.values()):
            yield Step(tool.name, known)
    yield from _left_out(conversation)
    for tool in stock:
        # Who can ask about the order first asks about stock only if something is short.
        if ledger.orders or len(stock) == len(conversation.tools):
            yield from _about(tool, _wanted(conversation, ledger))


def add_gaps(conversation: Conversation, ledger: Ledger, verdict: Verdict) -> None:
    """Take what could not be retrieved into account."""
    silent = {
        name.partition("/")[0]
        for name in conversation.missing
        if name.partition("/")[2] in UNANSWERED
    }
    of_lines = [each for each in verdict.actions if each[0] != "refund_payment"]
    if silent and (of_lines or shortages(ledger)):
        # Whether pieces can be sent, or were paid back before, only all domains together know.
        verdict.actions = [each for each in verdict.actions if each not in of_lines]
        verdict.conflicts.append(f"{', '.join(sorted(silent))} gave no answer")
    essential = [name for name in conversation.missing if not name.startswith("inventory/")]
    # A missing invoice or order is a conflict of its own.
    verdict.conflicts += [f"{name} is missing" for name in essential if not verdict.conflicts]


_QUESTION = "What do your records show of this case's order? Report all that may matter."


def _left_out(conversation: Conversation) -> Iterator[Step]:
    """Yield calls for what earlier answers only named."""
    tools = {tool.name: tool for tool in conversation.tools}
    for call in conversation.calls:
        tool = tools.get(call.name)
        if tool is None or not call.more or not tool.id_list:
            continue
        known = {name: conversation.case.get(name) for name in tool.required}
        names = [name.rpartition("/")[2] for name in call.more]
        for some in _chunks(names, tool, tool.id_list):
            yield Step(tool.name, {**known, tool.id_list: some})


def _wanted(conversation: Conversation, ledger: Ledger) -> list[str]:
    """Return the products whose stock matters.

    That is what may have to be sent again, as far as the order is known; else what the question
    names; else all of the case.
    """
    if ledger.orders:
        return list(dict.fromkeys(shortage.sku for shortage in shortages(ledger)))
    skus = conversation.case.get("skus")
    of_case = [sku for sku in skus if isinstance(sku, str)] if isinstance(skus, list) else []
    words = set(re.findall(r"[A-Za-z0-9_.:\-]+", conversation.question))
    words |= {word.rstrip(".:") for word in words}
    return [sku for sku in of_case if sku in words] or of_case


def _about(tool: Tool, skus: Sequence[str]) -> Iterator[Step]:
    if not skus:
        return
    if tool.delegates:
        question = f"How many pieces are available of each of these: {', '.join(skus)}?"
        yield Step(tool.name, {"question": question[:MAX_QUESTION]})
    elif "skus" in tool.required:
        for some in _chunks(skus, tool, "skus"):
            yield Step(tool.name, {"skus": some})
    else:
        for sku in skus:
            yield Step(tool.name, {"sku": sku})


def _chunks(names: Sequence[str], tool: Tool, argument: str) -> Iterator[list[str]]:
    size = _max_items(tool.properties.get(argument))
    for start in range(0, len(names), size):
        yield list(names[start : start + size])


def _max_items(schema: Any) -> int:
    """Return how many members a schema lets a list have."""
    if isinstance(schema, dict):
        for each in (schema, *schema.get("anyOf", ())):
            most = each.get("maxItems") if isinstance(each, dict) else None
            if isinstance(most, int):
                return max(1, min(IDS_AT_ONCE, most))
    return IDS_AT_ONCE
