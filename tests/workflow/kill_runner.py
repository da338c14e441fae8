"""Kills the example case at durable commits, one process each, and reports what was left.

    python kill_runner.py FIRST STEP WORKERS [PATTERN]

Kills at commit FIRST, FIRST + STEP, ... until the case ends by itself, restarts each time, and
prints one JSON line per kill. Without a PATTERN, everything is imported before the forks, so a
child does not spend its time on imports; what the modules keep at run time is still empty in each.
"""

import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from redress_local.cli.event_files import read_entry
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.functions import load_handler
from redress_local.project import find_project, local_template

EVENT = find_project() / "events" / "case_opened.json"
# What a case imports on first use, besides its functions.
LATE = (
    "pydantic_monty",
    "redress.adapters.sqlite.passages",
    "redress.agents.models.playbook.model",
    "redress_local.shop.example",
    "redress_local.shop.seeding",
)
CASE, ORDER = "case_1001", "ord_1001"


def import_what_a_case_needs() -> None:
    for function in local_template(find_project()).functions.values():
        load_handler(function)
    for module in LATE:
        importlib.import_module(module)


def put(cloud: EmbeddedCloud, pattern: str) -> None:
    entry = read_entry(EVENT, "", "")
    if pattern:
        entry["Detail"] = {**entry["Detail"], "pattern": pattern}
    entry["EventBusName"] = cloud.case_bus
    cloud.put([entry])


def work_until_killed(store: Path, commit: int, workers: int, pattern: str) -> None:
    def count(number: int) -> None:
        if number == commit:
            os.kill(os.getpid(), signal.SIGKILL)

    cloud = EmbeddedCloud.open(store, workers=workers, durable=False, on_commit=count)
    put(cloud, pattern)
    cloud.drain(30)


def go_on(store: Path, workers: int, pattern: str) -> dict[str, Any]:
    """Start again on what is left, finish it, and count what was done."""
    with EmbeddedCloud.open(store, workers=workers, durable=False) as cloud:
        cloud.resume()
        cloud.drain(30)
        accepted = cloud.domain("cases").get(f"case#{CASE}", "case") is not None
        if not accepted:
            # The caller never heard that its event was accepted, so it puts it again.
            put(cloud, pattern)
            cloud.drain(30)
        payments = cloud.domain("payments").query(f"order#{ORDER}", "refund#")
        shipments = cloud.domain("orders").query(f"order#{ORDER}", "shipment#")
        case = cloud.domain("cases").get(f"case#{CASE}", "case")
        stock = cloud.domain("inventory").get("sku#sku_teapot", "stock")
        assert case is not None
        assert stock is not None
        return {
            "accepted": accepted,
            "status": json.loads(case.document)["status"],
            "refunds": [json.loads(record.document)["amount_minor"] for record in payments],
            "replacements": sum(
                json.loads(record.document).get("effect_key") is not None for record in shipments
            ),
            "stock": json.loads(stock.document),
            "running": [e.arn for e in cloud.engine.list_executions(status="RUNNING")],
        }


def forked(work: Any) -> int:
    """Run in a child process; return its wait status."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
            traceback.print_exc()
            os._exit(1)
    return os.waitpid(child, 0)[1]


def main() -> int:
    first, step, workers = (int(argument) for argument in sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    if not pattern:
        # The libraries of agents bring threads, which no fork takes along: there each imports.
        import_what_a_case_needs()
    base = Path(tempfile.mkdtemp(prefix="redress-kill-"))
    commit = first
    try:
        while True:
            store, answer = base / f"store-{commit}", base / f"answer-{commit}"
            status = forked(lambda s=store, c=commit: work_until_killed(s, c, workers, pattern))
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            if not killed and status != 0:
                print(json.dumps({"commit": commit, "crashed": status}), flush=True)
                return 1
            ended = forked(
                lambda s=store, a=answer: a.write_text(json.dumps(go_on(s, workers, pattern)))
            )
            row: dict[str, Any] = {"commit": commit, "killed": killed, "restart": ended}
            if answer.exists():
                row.update(json.loads(answer.read_text()))
            print(json.dumps(row), flush=True)
            shutil.rmtree(store, ignore_errors=True)
            if not killed:
                return 0
            commit += step
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
