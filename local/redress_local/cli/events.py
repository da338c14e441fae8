"""`redress events`: the bus, its archive and its dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from redress_local.cli.errors import UsageError
from redress_local.cli.output import clean, console, print_json
from redress_local.cli.stores import JsonOption, ModelOption, StoreOption, open_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redress_local.embedded.cloud import EmbeddedCloud

app = App(name="events", help="Put, archive and replay events; look at dead letters.")

DetailOption = Annotated[str | None, Parameter(name="--detail")]
FromOption = Annotated[str | None, Parameter(name="--from")]
ToOption = Annotated[str | None, Parameter(name="--to")]


@app.command
def put(
    file: Path | None = None,
    /,
    *,
    detail: DetailOption = None,
    detail_type: str = "CaseOpened",
    dry_run: bool = False,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put an event on the bus and wait until all that it set off is done or waits for a human.

    Args:
        file: An event file, or only its detail; `-` reads stdin.
        detail: The detail as JSON, instead of a file.
        detail_type: The detail-type of a bare detail.
        dry_run: Only say which rules match, and whether the case is settled already.
        model: playbook (offline), bedrock:ID, openai:NAME@URL, recorded:FOLDER.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object and nothing else.
    """
    from redress_local.cli.event_files import parse, read_entry, to_entry

    if (file is None) == (detail is None):
        raise UsageError("give an event file or --detail", "see `redress events put --help`")
    if file is not None:
        entry = read_entry(file, "", "")
    else:
        entry = to_entry(parse(detail or "", "--detail"), "--detail", "", "")
        entry["DetailType"] = detail_type
    with open_cloud(store, model=model) as cloud:
        entry["EventBusName"] = cloud.case_bus
        entry["Time"] = entry["Time"] or cloud.present
        envelope = {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "detail": entry["Detail"],
        }
        matching = cloud.bus.rules_for(cloud.case_bus, envelope)
        plan = _plan(cloud, envelope, [rule.name for rule in matching])
        if not dry_run:
            plan["event_id"] = cloud.bus.put([entry])[0]
            cloud.drain()
            plan["executions"] = _executions(cloud, plan["event_id"])
    if as_json:
        print_json({"dry_run": dry_run, **plan})
    else:
        _tell([plan], dry_run=dry_run)
    return 0


def _executions(cloud: EmbeddedCloud, event_id: str, replay: str = "") -> list[dict[str, str]]:
    from asl_engine import ExecutionNotFoundError

    found = []
    for arn in cloud.executions_of(event_id, replay):
        try:
            found.append({"arn": arn, "status": cloud.engine.describe(arn).status})
        except ExecutionNotFoundError:
            continue
    return found


def _plan(cloud: EmbeddedCloud, event: Mapping[str, Any], rules: list[str]) -> dict[str, Any]:
    """What an event would set off."""
    from redress.steps.case_records import CLOSED, find_case

    case_id = event["detail"].get("case_id")
    stored = find_case(cloud.domain("cases"), case_id) if isinstance(case_id, str) else None
    status = stored.record.status if stored else None
    return {
        "event_id": event.get("id"),
        "time": event.get("time"),
        "detail_type": event["detail-type"],
        "case_id": case_id if isinstance(case_id, str) else None,
        "rules": rules,
        "case_status": status,
        "already_settled": status in CLOSED,
    }


def _tell(plans: list[dict[str, Any]], *, dry_run: bool) -> None:
    out = console()
    idle = [plan for plan in plans if not plan["rules"]]
    for plan in plans:
        if len(plans) > 1 and plan in idle:
            continue
        rules = ", ".join(plan["rules"]) or "no rule"
        case = f" case {plan['case_id']}" if plan["case_id"] else ""
        would = "would go" if dry_run else "went"
        line = f"{plan['detail_type']}{case} {would} to {rules}"
        if plan["detail_type"] == "CaseOpened" and plan["rules"] and plan["already_settled"]:
            line += f": already {plan['case_status']}, nothing changes"
        elif plan["case_status"]:
            line += f": the case was {plan['case_status']}"
        for execution in plan.get("executions", ()):
            line += f"; {execution['status'].lower()} {execution['arn'].rpartition(':')[2]}"
        out.print(clean(line), soft_wrap=True)
    if len(plans) > 1 and idle:
        out.print(f"{len(idle)} other events match no rule")
    if not plans:
        out.print("no events in that window")


@app.command
def archive(
    name: str | None = None,
    /,
    *,
    from_: FromOption = None,
    to: ToOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the archives, or the events of one.

    Args:
        name: An archive, to list its events.
        from_: Only events at or after this time (RFC 3339).
        to: Only events before this time (RFC 3339).
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object: `{"archives": [...]}` or `{"events": [...]}`.
    """
    with open_cloud(store, existing=True) as cloud:
        archives = cloud.bus.archives()
        if name is not None:
            cloud.bus.replay(name, "none", since=_instant(from_), until=_instant(to), dry_run=True)
            events = cloud.bus.store.archived(name, _instant(from_), _instant(to))
    out = console()
    if name is None:
        if as_json:
            print_json({"archives": archives})
        else:
            for each in archives:
                kept = f"{each['retention_days']} days" if each["retention_days"] else "for ever"
                span = f", {each['first']} to {each['last']}" if each["events"] else ""
                line = f"{each['name']}: {each['events']} events of bus {each['bus']}"
                out.print(f"{line}, kept {kept}{span}", soft_wrap=True)
    elif as_json:
        print_json({"events": events})
    else:
        for event in events:
            case = event["detail"].get("case_id", "")
            line = f"{event['time']}  {event['detail-type']:<18} {case}  {event['id']}"
            out.print(clean(line), soft_wrap=True)
    return 0


@app.command
def replay(
    name: str | None = None,
    /,
    *,
    from_: FromOption = None,
    to: ToOption = None,
    rule: Annotated[tuple[str, ...], Parameter(name="--rule", negative="")] = (),
    archive_name: Annotated[str | None, Parameter(name="--archive")] = None,
    dry_run: bool = False,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put archived events on the bus again. A settled case stays as it is.

    Args:
        name: The replay's name; made of the time when left out.
        from_: Only events at or after this time (RFC 3339).
        to: Only events before this time (RFC 3339).
        rule: Only this rule gets the events; may be given again.
        archive_name: The archive, where there are several.
        dry_run: Only say per event which rules match and which cases are settled already.
        model: playbook (offline), bedrock:ID, openai:NAME@URL, recorded:FOLDER.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object: `{"replay", "dry_run", "events": [...]}`.
    """
    since, until = _instant(from_), _instant(to)
    with open_cloud(store, model=model, existing=True) as cloud:
        chosen = archive_name or _only_archive(cloud)
        name = name or f"replay-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        # Planned before the replay runs: what a case was before tells what the replay did.
        planned = cloud.bus.replay(chosen, name, since=since, until=until, rules=rule, dry_run=True)
        plans = [_plan(cloud, event, rules) for event, rules in planned]
        if not dry_run:
            cloud.bus.replay(chosen, name, since=since, until=until, rules=rule)
            cloud.drain()
            for plan in plans:
                plan["executions"] = _executions(cloud, plan["event_id"], name)
    if as_json:
        print_json({"replay": name, "dry_run": dry_run, "events": plans})
    else:
        _tell(plans, dry_run=dry_run)
    return 0


def _only_archive(cloud: EmbeddedCloud) -> str:
    names = [archive["name"] for archive in cloud.bus.archives()]
    if len(names) != 1:
        raise UsageError(f"there are {len(names)} archives", "name one by --archive")
    return str(names[0])


@app.command
def dlq(
    *,
    redrive: bool = False,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the events that reached no target; with --redrive deliver them again.

    Args:
        redrive: Deliver them again.
        model: playbook (offline), bedrock:ID, openai:NAME@URL, recorded:FOLDER.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object: `{"redriven", "dead_letters": [...]}`.
    """
    import msgspec

    with open_cloud(store, model=model, existing=True) as cloud:
        redriven = 0
        if redrive:
            redriven = cloud.bus.redrive()
            cloud.drain()
        letters = cloud.bus.store.dead_letters()
    if as_json:
        print_json({"redriven": redriven, "dead_letters": msgspec.to_builtins(letters)})
        return 0
    out = console()
    if redrive:
        out.print(f"{redriven} events delivered again")
    for letter in letters:
        line = f"{letter.event['id']} {letter.rule}: {letter.code} after {letter.attempts} attempts"
        out.print(clean(f"{line}: {letter.message}"), soft_wrap=True)
    if not letters:
        out.print("no dead letters")
    return 0


def _instant(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", "write it as 2026-03-02T12:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
