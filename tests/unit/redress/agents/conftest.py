"""The fixed example, over repositories in memory."""

from collections.abc import Iterator

import pytest
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
