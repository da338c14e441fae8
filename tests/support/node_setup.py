"""Node of .tools/node, there before a test reads what a tool that needs it prints."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "tools" / "node" / "run.py"


@pytest.fixture(scope="session", autouse=True)
def node() -> None:
    """Install Node, which tells of it, if that is still to be done."""
    subprocess.run(
        [sys.executable, RUN, "node", "--version"], check=True, stdout=subprocess.DEVNULL
    )
