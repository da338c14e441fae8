"""A local cloud for each test, on a folder of its own."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asl_engine import VirtualClock
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.project import find_project

sys.path.insert(0, str(Path(__file__).parent))

from local_world import Opener, entry_of


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens clouds on one store and closes them after the test."""
    clouds: list[EmbeddedCloud] = []

    def open_(**options: Any) -> EmbeddedCloud:
        options = {"durable": False, "workers": 0, **options}
        cloud = EmbeddedCloud.open(options.pop("store", tmp_path / "store"), **options)
        clouds.append(cloud)
        return cloud

    yield open_
    for cloud in clouds:
        cloud.close()


@pytest.fixture
def example() -> dict[str, Any]:
    """The example's event as an entry for PutEvents."""
    event = json.loads((find_project() / "events" / "case_opened.json").read_text())
    return entry_of(event["detail"], event["time"])


@pytest.fixture
def clock(example: dict[str, Any]) -> VirtualClock:
    """A clock that stands at the example's present."""
    return VirtualClock(datetime.fromisoformat(example["Time"]).timestamp())
