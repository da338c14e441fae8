"""`redress shop`: a generated shop, with labels apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from redress_local.cli.errors import UsageError
from redress_local.cli.output import print_json, progress_bar, write
from redress_local.cli.stores import JsonOption, Whole


def shop(
    *,
    customers: Whole,
    seed: Whole = 7,
    out: Annotated[Path | None, Parameter(name="--out")] = None,
    labels: Annotated[Path | None, Parameter(name="--labels")] = None,
    as_json: JsonOption = False,
) -> int:
    """Generate a shop: the same for the same seed.

    Args:
        customers: How many customers; two of three open a case.
        seed: Of the random numbers.
        out: The shop file; stdout when left out.
        labels: The labels file: what is true about each case. Never part of the shop.
        as_json: Print what was written as one JSON object; needs --out.
    """
    import msgspec
    from redress.models.base import dump_json
    from redress_local.shop.files import write_json
    from redress_local.shop.generator import generate_shop

    if as_json and out is None:
        raise UsageError("--json needs --out", "name the shop file by --out")
    if out is not None and labels is not None and out.absolute() == labels.absolute():
        raise UsageError("--out and --labels are the same file", "labels never go into the shop")
    for path in (out, labels):
        # Checked before either is written: both or none.
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise UsageError(f"{path} cannot be written", "name a file in a folder that exists")
    with progress_bar() as progress:
        task = progress.add_task("customers", total=customers)
        made, truth = generate_shop(customers, seed, on_customer=lambda: progress.advance(task))
    if out is None:
        write(msgspec.json.format(dump_json(made), indent=1) + b"\n")
    else:
        write_json(out, made)
    if labels is not None:
        write_json(labels, truth)
    counts = {
        "customers": len(made.customers),
        "orders": len(made.orders),
        "cases": len(truth.cases),
    }
    if as_json:
        print_json({"shop": str(out), "labels": labels and str(labels), "seed": seed, **counts})
    elif out is not None:
        written = f"{out}" if labels is None else f"{out} and {labels}"
        print(f"{written}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    return 0
