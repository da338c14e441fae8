"""The log shipper's pace: few lines go soon, many are gathered for longer."""

import threading
import time
from typing import Any

import pytest
from redress_local.lambda_service import log_shipper
from redress_local.lambda_service.log_shipper import LogShipper


class Logs:
    """Takes lines, with so many seconds of processor work for each put."""

    class exceptions:  # noqa: N801 - boto3's name
        """What the client may raise."""

        class ResourceAlreadyExistsException(Exception):  # noqa: N818 - AWS's name
            """There is one."""

    def __init__(self, work: float) -> None:
        self._work = work
        self.put = threading.Semaphore(0)
        self.times: list[float] = []

    def create_log_group(self, **_: Any) -> None:
        """Take a group."""

    def create_log_stream(self, **_: Any) -> None:
        """Take a stream."""

    def put_log_events(self, **_: Any) -> None:
        """Take lines."""
        until = time.thread_time() + self._work
        while time.thread_time() < until:
            pass
        self.times.append(time.monotonic())
        self.put.release()


@pytest.mark.parametrize(("work", "pause"), [(0.0, 0.0), (0.02, 0.3)])
def test_it_rests_by_what_putting_takes(work: float, pause: float) -> None:
    logs = Logs(work)
    shipper = LogShipper(lambda: logs, interval=0.01)
    for number in range(2):
        shipper.ship_to("group", "stream", f"line {number}")
        assert logs.put.acquire(timeout=10)
    began, ended = logs.times
    assert ended - began >= pause
    shipper.close()


def test_it_rests_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_shipper, "_LONGEST_INTERVAL", 0.05)
    logs = Logs(0.2)
    shipper = LogShipper(lambda: logs, interval=0.01)
    shipper.ship_to("group", "stream", "first")
    assert logs.put.acquire(timeout=10)
    shipper.ship_to("group", "stream", "second")
    assert logs.put.acquire(timeout=3)
    shipper.close()


def test_a_flush_does_not_wait_for_the_rest() -> None:
    logs = Logs(0.1)
    shipper = LogShipper(lambda: logs, interval=0.01)
    shipper.ship_to("group", "stream", "first")
    assert logs.put.acquire(timeout=10)
    shipper.ship_to("group", "stream", "second")
    assert shipper.flush(1.5)
    assert len(logs.times) == 2
    shipper.close()
