"""MCP servers over repositories in memory."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from mcp_world import ToolWorld


@pytest.fixture
def world() -> Iterator[ToolWorld]:
    made = ToolWorld()
    yield made
    made.close()
