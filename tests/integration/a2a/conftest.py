"""One world of agents for each test: in memory, so a new one costs little."""

import pytest
from a2a_world import A2AWorld


@pytest.fixture
def world() -> A2AWorld:
    return A2AWorld()
