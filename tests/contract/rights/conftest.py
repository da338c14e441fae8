"""A cloud of its own, on which every path has been taken once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_shop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "workflow" / "emulated"))

CUSTOMERS, SEED = 150, 29


@pytest.fixture(scope="session")
def used_cloud() -> Iterator[EmulatedCloud]:
    from every_path import EveryPath

    shop, labels = generate_shop(CUSTOMERS, SEED)
    with EmulatedCloud.start(port=0, shop=shop) as cloud:
        cloud.warm()
        paths = EveryPath(cloud, labels)
        paths.customers()
        paths.fail_the_shipment_half_way()
        paths.fail_the_refund_of_a_line()
        paths.fail_to_reserve()
        paths.ask()
        paths.resolve()
        yield cloud
