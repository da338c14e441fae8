"""The fixed example, over repositories in memory."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))

from example_case import ExampleCase


@pytest.fixture
def example() -> ExampleCase:
    return ExampleCase()
