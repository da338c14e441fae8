"""`redress cases`: what the store knows of its cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from cyclopts import App
from redress.models.case import CaseRecord, CaseStatus
from redress_local.cli.output import clean, console, print_json
from redress_local.cli.stores import JsonOption, StoreOption, open_cloud

if TYPE_CHECKING:
    from redress_local.embedded.cloud import EmbeddedCloud

app = App(name="cases", help="List cases and show one: status, states, evidence, actions.")


@app.command(name="list")
def list_(
    *, status: CaseStatus | None = None, store: StoreOption = None, as_json: JsonOption = False
) -> int:
    """List the cases of the store, the last changed first.

    Args:
        status: Only cases with this status.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object: `{"cases": [...]}`.
    """
    with open_cloud(store, existing=True) as cloud:
        found = [_row(record) for record in all_cases(cloud, status)]
    if as_json:
        print_json({"cases": found})
        return 0
    out = console()
    if not found:
        out.print("no cases: open one by `redress resolve`")
        return 0
    from rich import box
    from rich.table import Table

    # Tight enough for a terminal of 80 columns; `--json` has all of it.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("case", "status", "order", "pattern", "updated"):
        table.add_column(title, overflow="fold")
    for row in found:
        updated = str(row["updated_at"])[:19].replace("T", " ")
        cells = (row["case_id"], row["status"], row["order_id"], row["pattern"] or "", updated)
        table.add_row(*(clean(cell) for cell in cells))
    out.print(table)
    return 0


def all_cases(cloud: EmbeddedCloud, status: CaseStatus | None = None) -> list[CaseRecord]:
    """The cases of a store, the last changed first."""
    from redress.models.base import parse_json
    from redress.steps.case_records import CASE, status_index

    cases = cloud.domain("cases")
    found = [
        parse_json(CaseRecord, record.document)
        for each in ((status,) if status else get_args(CaseStatus))
        for record in cases.by_index(status_index(each))
        if record.sort == CASE
    ]
    return sorted(found, key=lambda record: (record.updated_at, record.case_id), reverse=True)


def _row(record: CaseRecord) -> dict[str, Any]:
    from redress.models.base import dump

    row: dict[str, Any] = dump(record)
    return {key: value for key, value in row.items() if key not in {"outcome", "failure"}}


@app.command
def show(case: str, /, *, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Show one case: status, states, evidence, what agents reported, actions and approval.

    Args:
        case: The case's id.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object, as `redress resolve --json` does.
    """
    from redress.models.base import dump
    from redress.steps.case_records import load_case
    from redress.steps.record_finding import findings_of
    from redress_local.cli import render
    from redress_local.embedded.resolution import CaseLedgers, describe, entries, trace_of

    with open_cloud(store, existing=True) as cloud:
        cases = cloud.domain("cases")
        record = load_case(cases, case).record
        ledgers = CaseLedgers(cloud)
        trace = trace_of(cloud, record.owner)
        execution = cloud.engine.describe(record.owner)
        result = {
            **describe(cloud, execution, trace, {"case_id": case}, ledgers),
            "case": _row(record),
            "statement": (trace.variables.get("case") or {}).get("statement"),
            "reported": [dump(finding) for finding in findings_of(cases, case)],
            "ledger": entries(ledgers.of(record.order_id)),
        }
    if as_json:
        print_json(result)
        return 0
    out = console()
    detail = {"case_id": case, "order_id": record.order_id, "statement": result["statement"] or ""}
    render.opening(out, detail, cloud.folder.path)
    for visit in trace.visits:
        render.state(out, visit)
    render.evidence(out, result["evidence"])
    render.reported(out, result["reported"])
    render.recommendation(out, result)
    render.ledger(out, result["ledger"], [])
    return 0
