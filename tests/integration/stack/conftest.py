"""The project's own template on one emulated cloud per worker, with a generated shop."""

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import CaseLabel

sys.path.insert(0, str(Path(__file__).parent))

from customer import Api

SHOP, LABELS = generate_cases(80, 7)


@pytest.fixture(scope="session")
def cloud() -> Iterator[EmulatedCloud]:
    """One cloud for all tests of a worker: each takes cases, or functions, of its own."""
    with EmulatedCloud.start(port=0, shop=SHOP) as running:
        yield running


@pytest.fixture(scope="session")
def refunds() -> Iterator[CaseLabel]:
    """Cases of different customers who are due one small refund, each to be taken once."""
    return iter(
        [
            case
            for case in LABELS.cases
            if case.kind in ("overcharged", "duplicate_charge")
            and len(case.expected_actions) == 1
            and case.expected_actions[0].amount_minor < 30_000
        ]
    )


@pytest.fixture
def api(cloud: EmulatedCloud) -> Api:
    return Api(cloud)


@pytest.fixture(scope="session")
def zipped():
    """A function's code as CreateFunction takes it."""

    def pack(source: str) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("app.py", source)
        return data.getvalue()

    return pack
