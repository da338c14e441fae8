"""Writes the reconciliation program: the playbook's ledger rules as code for the sandbox."""

import json
import re
from functools import cache
from pathlib import Path

from redress.agents.models.playbook.reasoning import Verdict

PAYMENT_REASONS = ("duplicate_charge", "overcharged", "refund_not_received")

_IMPORTS = "import json\nfrom datetime import datetime\n"


def write_program(verdict: Verdict) -> str:
    """Return a program that recomputes what each proposed refund is worth.

    It is made of the parts that the proposal needs; only the proposal itself is a literal.
    """
    proposed = [
        [subject, reason] for action, subject, reason in verdict.actions if action != "reship_line"
    ]
    reasons = {reason for _, reason in proposed}
    names = ["facts"]
    if reasons.intersection(("duplicate_charge", "overcharged")):
        names.append("charges")
    if "refund_not_received" in reasons:
        names.append("promises")
    if reasons.difference(PAYMENT_REASONS):
        names.append("lines")
    names.append("answer")
    parts = "\n".join(_part(name) for name in names)
    return f"{_IMPORTS}\nPROPOSED = {json.dumps(proposed)}\n{parts}"


@cache
def _part(name: str) -> str:
    """Return a part, indented by one blank: output tokens are the dearest."""
    text = (Path(__file__).parent / "program_parts" / f"{name}.py.txt").read_text("utf-8")
    text = re.sub(r"\n\n+", "\n", text)
    return re.sub(r"^ +", lambda match: " " * (len(match[0]) // 4), text, flags=re.MULTILINE)
