"""Two emulated clouds for all tests of a worker: a stack of faults, and Redress itself to break."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_shop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from faults_world import FaultsWorld  # noqa: E402 - found by the line above
from stack_world import StackWorld  # noqa: E402

# AWS waits a minute and then two between asynchronous attempts.
TIME_FACTOR = 1 / 600
CUSTOMERS, SEED = 250, 5


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultsWorld]:
    notes = tmp_path_factory.mktemp("notes")
    with EmulatedCloud.start(
        port=0,
        template=HERE / "template.yaml",
        parameters={"Notes": str(notes)},
        time_factor=TIME_FACTOR,
    ) as cloud:
        yield FaultsWorld(cloud, notes)


@pytest.fixture(scope="session")
def redress() -> Iterator[StackWorld]:
    """Redress with a shop of its own, whose tests leave it whole."""
    shop, labels = generate_shop(CUSTOMERS, SEED)
    with EmulatedCloud.start(port=0, shop=shop, time_factor=TIME_FACTOR) as cloud:
        yield StackWorld(cloud, labels)
