"""The fixed example, over repositories in memory."""

import pytest
from example_case import ExampleCase


@pytest.fixture
def example() -> ExampleCase:
    return ExampleCase()
