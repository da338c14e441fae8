"""`redress doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redress_local.cli.errors import EXIT_FAILED
from redress_local.cli.output import clean, console, print_json
from redress_local.cli.stores import JsonOption, StoreOption, choose

Finding = tuple[str, str]
"""What was found, and what to do about it; nothing to do when empty."""


def doctor(*, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Check Python, the project, its policies and machines, the sandbox and the store.

    Args:
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object: `{"ok", "checks": [...]}`.

    Returns:
        The exit code: 0 all is well, 1 something is to do.
    """
    checks = list(_checks(lambda: _store(store)))
    ok = not any(check["do"] for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": checks})
    else:
        out = console()
        for check in checks:
            mark = "ok  " if not check["do"] else "todo"
            out.print(f"{mark} {check['name']}: {clean(check['found'])}", soft_wrap=True)
            if check["do"]:
                out.print(f"     -> {clean(check['do'])}", soft_wrap=True)
    return 0 if ok else EXIT_FAILED


def _checks(store: Callable[[], Finding]) -> Iterator[dict[str, Any]]:
    for name, check in (
        ("python", _python),
        ("sqlite", _sqlite),
        ("template", _template),
        ("state machines", _machines),
        ("policies", _policies),
        ("sandbox", _sandbox),
        ("store", store),
    ):
        try:
            found, todo = check()
        except Exception as error:  # noqa: BLE001
            # Whatever a check trips over is what the user came to learn.
            found, todo = f"{type(error).__name__}: {error}", "run the set-up again (make setup)"
        yield {"name": name, "found": found, "do": todo}


def _python() -> Finding:
    found = f"{platform.python_version()}, redress {version('redress')}"
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return found, "" if supported else "use Python 3.11, 3.12 or 3.13"


def _sqlite() -> Finding:
    found = sqlite3.sqlite_version
    return found, "" if sqlite3.sqlite_version_info >= (3, 35) else "use a Python with SQLite 3.35"


def _template() -> Finding:
    from redress_local.project import find_project, local_template

    template = local_template(find_project())
    missing = [f.logical_id for f in template.functions.values() if not f.handler.is_file()]
    found = f"{len(template.functions)} functions, {len(template.machines)} state machines"
    todo = f"these functions have no handler: {', '.join(missing)}" if missing else ""
    return found, todo


def _machines() -> Finding:
    from asl_engine import load_definition, validate
    from redress_local.project import find_project, local_template

    template = local_template(find_project())
    bad = [
        machine.definition.name
        for machine in template.machines.values()
        if any(
            str(diagnostic.severity).upper().endswith("ERROR")
            for diagnostic in validate(load_definition(machine.definition))
        )
    ]
    return ", ".join(machine.definition.name for machine in template.machines.values()), (
        f"run `redress asl validate` on {', '.join(bad)}" if bad else ""
    )


def _policies() -> Finding:
    from redress.config import read_config
    from redress.runtime import Runtime
    from redress_local.project import find_project

    folder = find_project() / "policies"
    runtime = Runtime(read_config({"REDRESS_POLICIES_DIR": str(folder)}))
    passages = len(runtime.passages.search("refund", 100))
    assert runtime.gate is not None
    return f"{folder}: {passages} passages about refunds", "" if passages else "restore policies/"


def _sandbox() -> Finding:
    from redress.sandbox import run_program

    result = run_program("print(INPUT + 1)", 41)
    if not result.ok or result.value != 42:
        return f"{result.error}", "run `redress sandbox prepare`"
    return f"{result.engine} works", ""


def _store(store: Any) -> Finding:
    from redress_local.embedded.store import STORE_PARTS, read_info

    folder = choose(store, None)
    info = read_info(folder)
    if info is None:
        return f"{folder}: none yet", ""
    damaged = [f"{name}: {damage}" for name in STORE_PARTS if (damage := _damage(folder / name))]
    if damaged:
        todo = "use another --store, or restore these files from a copy"
        return f"{folder}: damaged: {'; '.join(damaged)}", todo
    if (folder / "redress.log").is_file():
        return f"{folder}: shop {info.shop_digest[:12]}", f"read what {folder / 'redress.log'} says"
    return f"{folder}: shop {info.shop_digest[:12]}", ""


def _damage(file: Path) -> str:
    """What is wrong with a database; empty when it is sound."""
    if not file.is_file():
        return "missing"
    try:
        # Never made, and what a dead process left in the write-ahead log is read as well.
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    if not tables:
        return "empty"
    return "" if found == "ok" else " ".join(str(found).split())
