"""`redress resolve`: one case, from its event to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from redress.models.case import Pattern
from redress_local.cli.errors import EXIT_FAILED, UsageError
from redress_local.cli.event_files import read_entry
from redress_local.cli.output import console, print_json
from redress_local.cli.stores import (
    EXAMPLE,
    JsonOption,
    ModelOption,
    ShopOption,
    StoreOption,
    load,
    open_cloud,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redress_local.embedded.cloud import EmbeddedCloud
    from redress_local.shop.document import Shop


def resolve(
    event: Path | None = None,
    /,
    *,
    shop: ShopOption = None,
    pattern: Pattern | None = None,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put a CaseOpened event on the bus and follow its case to the end.

    A second run on the same store changes nothing: it shows how the case was settled.

    Args:
        event: An event file, or only its detail; `-` reads stdin. The example case by default.
        shop: A shop file to seed a new store with; `example` is the built-in shop.
        pattern: How to investigate, instead of what the event or the template says.
        model: playbook (offline), bedrock:ID, openai:NAME@URL, recorded:FOLDER.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object and nothing else.

    Returns:
        The exit code: 0 resolved, rejected or waiting for approval; 1 failed; 2 a wrong call.
    """
    from redress_local.cli import render
    from redress_local.embedded.resolution import resolve as run
    from redress_local.project import find_project

    if event is None and shop is None and store is None:
        shop = EXAMPLE
    path = event or find_project() / "events" / "case_opened.json"
    # Read before a store is made: a bad file leaves nothing behind.
    entry = read_entry(path, "", "")
    if entry["DetailType"] != "CaseOpened":
        raise UsageError(
            f"{path} is a {entry['DetailType']} event, not CaseOpened", "use `redress events put`"
        )
    if pattern is not None:
        entry["Detail"] = {**entry["Detail"], "pattern": pattern}
    loaded = load(shop)
    if event is None and loaded is not None and not _has_order(loaded, entry):
        raise UsageError(
            f"{shop} does not hold the order of the example case", "give an EVENT file as well"
        )
    with open_cloud(store, loaded, model) as cloud:
        if not _is_closed(cloud, entry["Detail"].get("case_id")):
            cloud.warm(entry["Detail"].get("pattern") or cloud.default_pattern)
        entry["EventBusName"] = cloud.case_bus
        entry["Time"] = entry["Time"] or cloud.present
        out = console()
        if as_json:
            result = run(cloud, entry)
            print_json(result)
        else:
            render.opening(out, entry["Detail"], cloud.folder.path)
            result = run(
                cloud,
                entry,
                on_state=lambda visit: render.state(out, visit),
                on_wait=lambda visit: render.state(out, visit),
            )
            render.resolution(out, result)
    return EXIT_FAILED if result["status"] == "failed" else 0


def _has_order(shop: Shop, entry: Mapping[str, Any]) -> bool:
    return any(order.order_id == entry["Detail"].get("order_id") for order in shop.orders)


def _is_closed(cloud: EmbeddedCloud, case_id: object) -> bool:
    """Whether the case has ended, so that no agent is needed."""
    from redress.steps.case_records import CLOSED, find_case

    stored = find_case(cloud.domain("cases"), case_id) if isinstance(case_id, str) else None
    return stored is not None and stored.record.status in CLOSED
