"""Time and memory that functions have fit what they use, on every path.

`make limits` runs this with --write-limits, which writes what was measured into docs/deployment.md.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.lambda_service.log_reader import LogSource
from redress_local.lambda_service.types import FunctionSpec

pytestmark = pytest.mark.timeout(400)

DOCUMENT = Path(__file__).parents[3] / "docs" / "deployment.md"
BEGIN, END = "<!-- limits: made by `make limits` -->", "<!-- end of limits -->"
MOST_MEMORY = 0.75
"""Of what a function has: the rest is for larger cases, and for another runtime's habits."""
MOST_TIME = 0.5


class Used(NamedTuple):
    """The most that one invocation of a function took."""

    function: FunctionSpec
    invocations: int
    seconds: float
    start_seconds: float
    megabytes: int


def used(cloud: EmulatedCloud) -> list[Used]:
    logs = boto3.client(
        "logs",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    an_hour_ago = int((time.time() - 3600) * 1000)
    found = []
    for function in cloud.functions.functions():
        source = LogSource(logs, str(function.log_group), function.name)
        lines = [json.loads(line["message"]) for line in source.read(an_hour_ago, follow=False)]
        reports = [line["record"] for line in lines if line.get("type") == "platform.report"]
        metrics = [report["metrics"] for report in reports if report["status"] == "success"]
        assert metrics, f"{function.logical_id} never ran to its end"
        found.append(
            Used(
                function,
                len(metrics),
                max(each["durationMs"] for each in metrics) / 1000,
                max(each.get("initDurationMs", 0) for each in metrics) / 1000,
                max(each["maxMemoryUsedMB"] for each in metrics),
            )
        )
    return sorted(found, key=lambda each: (-each.megabytes, str(each.function.logical_id)))


def table(rows: list[Used]) -> str:
    lines = [
        "| function | memory used, MB | given | longest run, s | longest start, s | time-out, s |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {str(row.function.logical_id).removesuffix('Function')} | {row.megabytes} "
        f"| {row.function.memory_mb} | {row.seconds:.2f} | {row.start_seconds:.2f} "
        f"| {row.function.timeout} |"
        for row in rows
    ]
    return "\n".join(lines)


def test_functions_have_time_and_memory_to_spare(
    used_cloud: EmulatedCloud, request: pytest.FixtureRequest
) -> None:
    rows = used(used_cloud)
    if request.config.getoption("--write-limits", default=False):
        head, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        _, end, tail = rest.partition(END)
        assert begin, f"{DOCUMENT} has no line {BEGIN!r}"
        assert end, f"{DOCUMENT} has no line {END!r}"
        text = f"{head}{BEGIN}\n{table(rows)}\n{END}{tail}"
        DOCUMENT.write_text(text, encoding="utf-8")
    tight = [
        f"{row.function.logical_id} used {row.megabytes} of {row.function.memory_mb} MB"
        for row in rows
        if row.megabytes > MOST_MEMORY * row.function.memory_mb
    ]
    tight += [
        f"{row.function.logical_id} took {row.seconds:.1f} of {row.function.timeout} s"
        for row in rows
        if row.seconds > MOST_TIME * row.function.timeout
    ]
    assert not tight
    documented = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    cells = [[cell.strip() for cell in line.split("|")] for line in documented.splitlines()]
    said = {row[1]: (row[3], row[6]) for row in cells[3:] if len(row) > 6}
    given = {
        str(row.function.logical_id).removesuffix("Function"): (
            str(row.function.memory_mb),
            str(row.function.timeout),
        )
        for row in rows
    }
    assert said == given, "docs/deployment.md is of another template: run `make limits`"
