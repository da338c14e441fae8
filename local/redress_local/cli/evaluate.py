"""`redress eval`: accuracy, tokens and cost on labelled cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from redress.models.case import PATTERNS, Pattern
from redress_local.cli.errors import UsageError
from redress_local.cli.output import clean, console, print_json, progress_bar
from redress_local.cli.stores import JsonOption, ModelOption, Whole

if TYPE_CHECKING:
    from redress_local.shop.document import Shop
    from redress_local.shop.labels import Labels

DEFAULT_CASES = 500
_SHOWN_WRONG = 5


def evaluate(
    *,
    cases: Whole | None = None,
    seed: Whole = 7,
    pattern: Literal[Pattern, "all"] = "all",
    shop: Annotated[Path | None, Parameter(name="--shop")] = None,
    labels: Annotated[Path | None, Parameter(name="--labels")] = None,
    model: ModelOption = "playbook",
    as_json: JsonOption = False,
) -> int:
    """Run labelled cases through the whole workflow, each pattern on a fresh store.

    Args:
        cases: How many cases: of a generated shop (500 by default), or of those in --labels.
        seed: Of the generated shop.
        pattern: One way to investigate, or all of them.
        shop: A shop file, with --labels instead of a generated shop.
        labels: What is true about the shop's cases.
        model: playbook (offline), bedrock:ID, openai:NAME@URL, recorded:FOLDER.
        as_json: Print one JSON object: a report per pattern.
    """
    from redress.agents.models.factory import model_factory
    from redress_local.evaluation.run import evaluate as run

    model_factory(model)
    made, truth = _data(cases, seed, shop, labels)
    chosen = PATTERNS if pattern == "all" else (pattern,)
    reports: dict[str, dict[str, Any]] = {}
    with progress_bar() as progress:
        for each in chosen:
            task = progress.add_task(each, total=len(truth.cases))
            reports[each] = run(
                made,
                truth,
                each,
                model=model,
                on_case=lambda task=task: progress.advance(task),  # type: ignore[misc]
            )
    if as_json:
        print_json(reports)
    else:
        _show(reports)
    return 0


def _data(
    cases: int | None, seed: int, shop: Path | None, labels: Path | None
) -> tuple[Shop, Labels]:
    import msgspec
    from redress_local.shop.files import load_labels, load_shop
    from redress_local.shop.generator import generate_cases

    if cases is not None and cases < 1:
        raise UsageError(f"--cases is {cases}", "give 1 or more")
    if (shop is None) != (labels is None):
        raise UsageError("--shop and --labels go together", "write both by `redress shop`")
    if shop is None or labels is None:
        return generate_cases(cases or DEFAULT_CASES, seed)
    truth = load_labels(labels)
    if cases is not None:
        truth = msgspec.structs.replace(truth, cases=truth.cases[:cases])
    made = load_shop(shop)
    owners = {order.order_id: order.customer_id for order in made.orders}
    for case in truth.cases:
        if owners.get(case.order_id) != case.customer_id:
            raise UsageError(
                f"{labels}: {case.case_id} is about order {case.order_id}, which {shop} does not"
                f" hold for {case.customer_id}",
                "give the labels that `redress shop` wrote with the shop",
            )
    return made, truth


def _show(reports: dict[str, dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in reports:
        table.add_column(name, justify="right")
    rows = {
        "cases": "{cases}",
        "accuracy": "{accuracy:.2%}",
        "false refunds": "{false_refunds}",
        "missed": "{missed}",
        "failed": "{failed}",
        "approved by hand": "{approvals}",
        "model calls": "{model_calls}",
        "model input bytes": "{model_input_bytes}",
        "tokens in + out": "{tokens[input]} + {tokens[output]}",
        "cost per case": "${cost_usd_per_case:.6f}",
        "CPU per case": "{cpu_ms_per_case:.1f} ms",
        "time": "{seconds:.1f} s",
    }
    for title, shape in rows.items():
        table.add_row(title, *(shape.format(**report) for report in reports.values()))
    kinds = sorted({kind for report in reports.values() for kind in report["by_claim"]})
    for kind in kinds:
        found = [report["by_claim"].get(kind) for report in reports.values()]
        cells = (f"{one['correct']}/{one['cases']}" if one else "" for one in found)
        table.add_row(f"  {kind}", *cells, style="dim")
    out.print(table)
    for name, report in reports.items():
        for wrong in report["wrong"][:_SHOWN_WRONG]:
            done = wrong["failure"] or wrong["done"] or "nothing"
            line = f"{name}: {wrong['case_id']} ({wrong['look_alike'] or wrong['kind']})"
            line += f": expected {wrong['expected'] or 'nothing'}, got {done}"
            out.print(clean(line), style="yellow", soft_wrap=True)
