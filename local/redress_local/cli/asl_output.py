"""What `redress asl` prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from asl_engine import Diagnostic, Execution
from rich.console import Console
from rich.markup import escape
from rich.table import Table

SCHEMA_VERSION = 1


def show_diagnostics(
    file: Path, diagnostics: list[Diagnostic], *, is_valid: bool, as_json: bool
) -> None:
    """Prints what a check found: valid on stdout, not valid on stderr, JSON always on stdout."""
    if as_json:
        _print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "file": str(file),
                "valid": is_valid,
                "diagnostics": diagnostics,
            }
        )
        return
    console = Console(stderr=not is_valid, soft_wrap=True, highlight=False)
    for found in diagnostics:
        colour = "red" if found.severity == "ERROR" else "yellow"
        place = found.location or "/"
        console.print(
            f"{escape(str(file))}: [{colour}]{found.severity}[/] {escape(place)} "
            f"[dim]{found.code}[/] {escape(found.message)}"
        )
    if is_valid:
        console.print(f"{escape(str(file))}: [green]valid[/]")
    else:
        count = len(diagnostics)
        console.print(f"{escape(str(file))}: [red]not valid[/], {count} to look at")


def show_execution(
    execution: Execution, events: list[dict[str, Any]] | None, *, as_json: bool
) -> None:
    """Prints how an execution ended, its events before that if they are given."""
    if as_json:
        result: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "execution_arn": execution.arn,
            "status": execution.status,
            "output": execution.output,
        }
        if execution.error is not None:
            result["error"] = {
                "type": execution.error,
                "message": execution.cause or "",
                "hint": "run again with --history to see where it failed",
            }
        if events is not None:
            result["events"] = events
        _print_json(result)
        return
    console = Console()
    if not console.is_terminal:
        console.width = 1_000  # a file or a pipe has no width to wrap at
    if events is not None:
        console.print(_events_table(events))
    if execution.status != "SUCCEEDED":
        cause = f": {execution.cause}" if execution.cause else ""
        hint = "" if events is not None else "; --history shows where"
        line = " ".join(f"{execution.status}: {execution.error}{cause}{hint}".split())
        print(line, file=sys.stderr)
    elif console.is_terminal:
        console.print_json(json.dumps(execution.output))
    else:
        print(json.dumps(execution.output, ensure_ascii=False))


def _events_table(events: list[dict[str, Any]]) -> Table:
    table = Table("id", "after", "event", "what", box=None, pad_edge=False)
    for event in events:
        details = next((v for k, v in event.items() if k.endswith("EventDetails")), None) or {}
        what = [details[k] for k in ("name", "resource", "error", "cause") if details.get(k)]
        table.add_row(
            str(event["id"]),
            str(event["previousEventId"]),
            event["type"],
            escape(" ".join(map(str, what))),
        )
    return table


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
