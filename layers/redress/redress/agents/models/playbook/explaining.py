"""The playbook's words for the customer."""

from redress.agents.models.playbook.conversation import Conversation
from redress.agents.models.playbook.reasoning import Verdict

_ACTIONS = {
    ("refund_payment", "duplicate_charge"): "You were charged more than once; we propose to "
    "refund the repeated charge {subject}.",
    ("refund_payment", "overcharged"): "You were charged more than your invoice; we propose to "
    "refund the difference on {subject}.",
    ("refund_payment", "refund_not_received"): "A refund that we promised on {subject} has not "
    "been made; we propose to make it.",
    ("reship_line", "missing_item"): "{subject} was not in your parcel; we propose to send it.",
    ("reship_line", "not_delivered"): "{subject} did not arrive; we propose to send it again.",
    ("reship_line", "wrong_item"): "You received another item than {subject}; we propose to "
    "send the right one.",
    ("refund_line", "missing_item"): "{subject} was not in your parcel and is out of stock; we "
    "propose to refund it.",
    ("refund_line", "not_delivered"): "{subject} did not arrive and is out of stock; we propose "
    "to refund it.",
    ("refund_line", "wrong_item"): "You received another item than {subject}, which is out of "
    "stock; we propose to refund it.",
}

_FINDINGS = {
    "second_order": "An equal charge belongs to another order of yours.",
    "authorisation_voided": "One of the charges is only an authorisation and takes no money.",
    "already_refunded": "A charge was already refunded.",
    "backordered": "An item is backordered and has not been shipped yet.",
    "in_transit": "Your parcel is on its way.",
    "refund_in_progress": "A promised refund is still in time or under way.",
    "delivered": "Everything that was shipped was delivered.",
    "charged_as_invoiced": "You were charged what the invoice says.",
}


def report(conversation: Conversation) -> str:
    """Return in a few words what was found and what is missing, at most 2,000 characters."""
    found: dict[str, int] = {}
    for name in conversation.evidence:
        domain = name.partition("/")[0]
        found[domain] = found.get(domain, 0) + 1
    told = [f"{count} of {domain}" for domain, count in found.items()]
    words = f"Found {', '.join(told)}." if told else "Found nothing."
    if conversation.missing:
        words += f" Missing: {', '.join(conversation.missing)}."
    return words[:2_000]


def explain(verdict: Verdict) -> str:
    """Return the explanation of a verdict, at most 4,000 characters."""
    sentences = [
        _ACTIONS[action, reason].format(subject=subject)
        for action, subject, reason in verdict.actions
    ]
    sentences += [_FINDINGS[code] for code in verdict.findings]
    sentences += [f"We could not conclude: {conflict}." for conflict in verdict.conflicts]
    return " ".join(sentences)[:4_000] or "Nothing of this order needs to be put right."
