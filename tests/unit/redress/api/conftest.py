"""Requests of a customer, as API Gateway hands them on."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[4] / "events"
Event = dict[str, Any]


class Time:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def new_secret() -> Callable[[], str]:
    def secrets() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"secret{number:037}"

    made = secrets()
    return lambda: next(made)


@pytest.fixture
def sample() -> Callable[..., Event]:
    """A sample event, with another body or another caller where wanted."""

    def read(name: str, body: Any = None, customer: Any = "cust_mina") -> Event:
        event: Event = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        if "authorizer" in event["requestContext"]:
            event["requestContext"]["authorizer"]["jwt"]["claims"]["username"] = customer
        return event

    return read
