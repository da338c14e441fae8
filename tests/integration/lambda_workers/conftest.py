"""A pool with real processes, and ways to make functions and to ask whether processes live."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers import WorkerPool

FUNCTIONS = Path(__file__).parent / "functions"
HOST_SECRET = "REDRESS_TEST_HOST_SECRET"


class Logs:
    """What `on_log` was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []

    def __call__(self, spec: FunctionSpec, stream: str, text: str) -> None:
        self.calls.append((spec.name, stream, text))

    def text(self, name: str) -> str:
        return "\n".join(text for function, _, text in self.calls if function == name)


@pytest.fixture(scope="session")
def logs() -> Logs:
    return Logs()


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory, logs: Logs) -> Iterator[WorkerPool]:
    os.environ[HOST_SECRET] = "1"
    folder = tmp_path_factory.mktemp("pool")
    pool = WorkerPool(endpoint_url="http://127.0.0.1:9", folder=folder, on_log=logs)
    yield pool
    pool.close()
    del os.environ[HOST_SECRET]
    assert list(folder.iterdir()) == []


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Callable[..., FunctionSpec]:
    """Make a function of this test's own, of a handler in functions/app.py."""

    def make(function: str, **more: Any) -> FunctionSpec:
        name = more.pop("name", re.sub(r"\W+", "-", f"{request.node.name[:60]}-{function}"))
        fields = {"code": FUNCTIONS, "handler": f"app.{function}", "timeout": 10, **more}
        arn = f"arn:aws:lambda:eu-west-3:123456789012:function:{name}"
        return FunctionSpec(name=name, arn=arn, **fields)

    return make


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that is not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_gone(pids: list[int], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(name="all_gone")
def _all_gone() -> Callable[..., bool]:
    return all_gone
