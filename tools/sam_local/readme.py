"""Runs README's commands for functions in containers, word for word, as a reader would.

The first block needs nothing beside it; those after it are run while `make up` does.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.sam_local.cloud import ROOT, STOP_SECONDS, CloudError

HEADING: Final = "## One function in its container"
BLOCK_SECONDS: Final = 600
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INVOKES: Final = re.compile(r"^sam local invoke \S+ -e events/(\w+)\.json$", re.MULTILINE)


def blocks(readme: str) -> list[str]:
    """The shell blocks of README's section.

    Raises:
        CloudError: It has none that invokes a function.
    """
    section = readme.partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    found = [block for block in _BLOCK.findall(section) if _INVOKES.search(block)]
    if not found:
        raise CloudError(f"README has no `sam local invoke` under {HEADING!r}")
    return found


def follow(readme: Path) -> Iterator[tuple[str, str, float]]:
    """Run the blocks; yield the function's folder, what it printed, and seconds, for each.

    Raises:
        CloudError: A block failed, or `make up` did not start.
    """
    first, *others = blocks(readme.read_text(encoding="utf-8"))
    yield _run(first, first)
    if not others:
        return
    with subprocess.Popen(
        ["make", "up"], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as up:
        try:
            _await_ready(up)
            for block in others:
                yield _run(_settings(first) + block, block)
        finally:
            os.killpg(up.pid, signal.SIGINT)
            up.wait(STOP_SECONDS)


def _run(script: str, block: str) -> tuple[str, str, float]:
    begin = time.monotonic()
    # What the commands before the last print goes elsewhere: the function's answer stands alone.
    *before, last = script.strip().splitlines()
    text = "\n".join([f"{{ {line}\n}} >&2" for line in before] + [last])
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BLOCK_SECONDS,
        check=False,
    )
    if run.returncode:
        raise CloudError(f"README's commands failed:\n{block}\n{run.stderr[-3000:]}")
    folder = _INVOKES.findall(block)[-1]
    return folder, run.stdout, time.monotonic() - begin


def _settings(block: str) -> str:
    """The lines that set something for the rest of the terminal's life."""
    return "".join(f"{line}\n" for line in block.splitlines() if line.startswith("export "))


def _await_ready(up: subprocess.Popen[str]) -> None:
    assert up.stdout is not None
    for line in up.stdout:
        if "AWS_ENDPOINT_URL" in line:
            return
    raise CloudError("`make up` ended before it served")
