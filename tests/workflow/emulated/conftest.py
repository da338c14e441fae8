"""An emulated cloud with a generated shop for each module: stock and archive are its own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.document import Shop
from redress_local.shop.generator import generate_shop
from redress_local.shop.labels import Labels

sys.path.insert(0, str(Path(__file__).parent))

from stack_world import StackWorld

CUSTOMERS, SEED = 150, 29


@pytest.fixture(scope="session")
def generated() -> tuple[Shop, Labels]:
    return generate_shop(CUSTOMERS, SEED)


@pytest.fixture(scope="module")
def world(generated: tuple[Shop, Labels]) -> Iterator[StackWorld]:
    shop, labels = generated
    with EmulatedCloud.start(port=0, shop=shop) as cloud:
        cloud.warm()
        yield StackWorld(cloud, labels)
