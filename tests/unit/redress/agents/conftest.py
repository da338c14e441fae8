"""The fixed example, over repositories in memory."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))

from domains_world import DomainsWorld
from example_case import ExampleCase


@pytest.fixture
def example() -> ExampleCase:
    return ExampleCase()


@pytest.fixture
def domains(example: ExampleCase) -> Iterator[DomainsWorld]:
    """The domains' agents over the example's records."""
    world = DomainsWorld(example.orders, example.payments, example.inventory)
    yield world
    world.close()
