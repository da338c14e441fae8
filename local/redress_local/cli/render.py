"""Shows a case to a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redress.models.money import money
from redress_local.cli.output import clean
from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from redress_local.embedded.trace import StateVisit
    from rich.console import Console

_STYLES = {
    "resolved": "bold green",
    "rejected": "bold yellow",
    "failed": "bold red",
    "awaiting_approval": "bold cyan",
}
_SEVERITIES = {"info": "dim", "warning": "yellow", "critical": "bold red"}
_MARKS = {"added": "+", "changed": "~", "removed": "-"}
_SUMMARY_WIDTH = 90
_MESSAGE_LENGTH = 500
_ID_WIDTH = 18


def opening(out: Console, detail: Mapping[str, Any], store: Path) -> None:
    """Say what comes in."""
    case = clean(detail.get("case_id", "?"))
    out.print(f"Case {case}: order {clean(detail.get('order_id', '?'))}", style="bold")
    out.print(f'  "{clean(detail.get("statement", ""))}"', style="italic", soft_wrap=True)
    out.print(f"  store {store}\n", style="dim")


def state(out: Console, visit: StateVisit) -> None:
    """Show one state that was left, or that waits for a human."""
    line = Text("  " * (visit.depth + 1))
    line.append(f"{visit.name:<{34 - 2 * visit.depth}}", style="" if visit.depth else "bold")
    line.append(f"{visit.kind:<15}", style="dim")
    if visit.waiting:
        line.append("waits for an answer", style="cyan")
    elif visit.milliseconds is not None:
        line.append(f"{visit.milliseconds:>9.1f} ms")
    if visit.attempts > 1:
        line.append(f"  {visit.attempts} attempts", style="yellow")
    if visit.error:
        line.append(f"  {clean(visit.error)}", style="red")
    out.print(line, soft_wrap=True)


def resolution(out: Console, result: Mapping[str, Any]) -> None:
    """Show how a case went: evidence, recommendation, ledger, numbers."""
    if result["already_settled"]:
        out.print("\nAlready settled: nothing changes. This is the stored outcome.", style="cyan")
    evidence(out, result["evidence"])
    recommendation(out, result)
    ledger(out, result["ledger"]["before"], result["ledger_delta"])
    numbers(out, result)


def evidence(out: Console, items: list[dict[str, Any]]) -> None:
    """List what was found, cited pieces first."""
    if not items:
        return
    out.print("\nEvidence", style="bold")
    for item in sorted(items, key=lambda item: not item["cited"]):
        mark = "[cited]" if item["cited"] else "       "
        summary = clean(item["summary"])
        short = summary if len(summary) <= _SUMMARY_WIDTH else f"{summary[: _SUMMARY_WIDTH - 1]}…"
        line = f"  {mark} {clean(item['evidence_id'])}: {short}"
        out.print(line, style="" if item["cited"] else "dim", soft_wrap=True)


def reported(out: Console, findings: list[dict[str, Any]]) -> None:
    """List what agents of others reported: it decided nothing."""
    if not findings:
        return
    out.print("\nReported by agents", style="bold")
    for finding in findings:
        line = Text(f"  {finding['severity']:<9}", style=_SEVERITIES.get(finding["severity"], ""))
        line.append(f"{clean(finding['agent'])}, {clean(finding['code'])}: ", style="bold")
        line.append(clean(finding["text"]), style="")
        out.print(line, soft_wrap=True)
        if finding["evidence"]:
            names = ", ".join(clean(name) for name in finding["evidence"])
            out.print(f"            {names}", style="dim", soft_wrap=True)


def recommendation(out: Console, result: Mapping[str, Any]) -> None:
    """Show the outcome with its reasons and actions."""
    out.print()
    title = Text("Outcome: ", style="bold")
    title.append(result["status"], style=_STYLES.get(result["status"], "bold"))
    if result["pattern"]:
        title.append(f"  ({result['pattern']})", style="dim")
    out.print(title)
    if result["explanation"]:
        out.print(f"  {clean(result['explanation'])}", soft_wrap=True)
    for finding in result["findings"]:
        out.print(f"  finding: {clean(finding)}")
    for reason in result["reasons"]:
        out.print(f"  reason: {clean(reason)}", soft_wrap=True)
    for action in result["actions"]:
        out.print(f"  {_action(action)}", soft_wrap=True)
    if result["status"] == "awaiting_approval" and result["approval"]:
        approval(out, result["case_id"], result["approval"])
    if result["failure"]:
        failure(out, result["failure"])


def _action(action: Mapping[str, Any]) -> str:
    what = f"{action['action']} {action['subject_id']}"
    if action["amount_minor"]:
        what += f": {money(action['amount_minor'], action['currency'])} to {action['payee']}"
    elif action["sku"]:
        what += f": {action['quantity']} x {action['sku']}"
    text = f"{what} ({action['reason_code']}): {action['state']}"
    if action["decision"] == "needs_approval" and action["state"] == "done":
        text += ", as approved"
    elif action["decision"] != "allow":
        text += f", {action['decision']}: {'; '.join(action['reasons'])}"
    return clean(text)


def approval(out: Console, case_id: str, question: Mapping[str, Any]) -> None:
    """Show what a human is asked."""
    out.print(f"  waits for approval until {question['expires_at']}", style="cyan")
    out.print(f"  what is approved: {question['proposal_hash']}")
    out.print(f"  next: redress approve {clean(case_id)}   or: redress deny {clean(case_id)}")


def failure(out: Console, failed: Mapping[str, Any]) -> None:
    """Show what went wrong first."""
    where = f" in {failed['state']}" if failed["state"] else ""
    out.print(f"  failed{where}: {clean(failed['error'])}", style="red")
    if failed["message"]:
        text = clean(failed["message"])
        out.print(f"    {text[:_MESSAGE_LENGTH]}", soft_wrap=True)


def ledger(out: Console, before: list[dict[str, Any]], delta: list[dict[str, Any]]) -> None:
    """Show the ledger before and after, changes marked."""
    changes = {(change["kind"], change["id"]): change for change in delta}
    known = {(entry["kind"], entry["id"]): entry for entry in before}
    if not changes and not known:
        return
    out.print("Ledger", style="bold")
    # Tight enough for a terminal of 80 columns.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("", "kind", "id"):
        table.add_column(title, no_wrap=True)
    for title in ("before", "after"):
        table.add_column(title, overflow="fold")
    for key in sorted(known.keys() | changes.keys()):
        change = changes.get(key)
        old = known.get(key) if change is None else change["before"]
        new = old if change is None else change["after"]
        style = "green" if change else "dim"
        cells = (_MARKS[change["change"]] if change else "", key[0], _short(key[1]))
        table.add_row(*(clean(cell) for cell in (*cells, _entry(old), _entry(new))), style=style)
    out.print(table)
    if not delta:
        out.print("  The ledger did not change.", style="dim")


def _short(key: str) -> str:
    return key if len(key) <= _ID_WIDTH else f"{key[:8]}…{key[-8:]}"


def _entry(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    if "on_hand" in entry:
        return f"{entry['on_hand']} on hand, {entry['reserved']} reserved"
    text = str(entry["status"])
    if "amount_minor" in entry:
        text += f" {money(entry['amount_minor'], entry['currency'])}"
    if "items" in entry:
        text += " " + ", ".join(f"{count} x {sku}" for sku, count in entry["items"].items())
        text += " (replacement)" if entry["replacement"] else ""
    if "quantity" in entry:
        text += f" {entry['quantity']} x {entry['sku']}"
    return text


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def numbers(out: Console, result: Mapping[str, Any]) -> None:
    """Show what the case took."""
    tokens = result["tokens"]
    out.print(
        f"{_count(result['transitions'], 'transition')},"
        f" {_count(result['model_calls'], 'model call')},"
        f" {tokens['input']} + {tokens['output']} tokens, ${result['cost_usd']:.6f},"
        f" {result['duration_ms']:.0f} ms",
        style="dim",
        soft_wrap=True,
    )
