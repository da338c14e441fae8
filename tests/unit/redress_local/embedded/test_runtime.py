"""What a function is given: what its environment names, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from asl_engine import Engine, VirtualClock
from redress.adapters.sqlite.repository import SqliteStore
from redress.errors import DependencyUnavailableError
from redress_local.embedded.runtime import (
    LocalCallback,
    LocalPublisher,
    LocalRuntime,
    NotGrantedError,
    Parts,
)
from redress_local.events.errors import InvalidEventError
from redress_local.project import find_project
from redress_local.template import Function


@pytest.fixture
def parts() -> Parts:
    return Parts(
        records=SqliteStore(":memory:", "NORMAL"),
        tables=("orders", "cases"),
        project=find_project(),
        model="playbook",
        now=VirtualClock().now,
        put=lambda _: None,
    )


def runtime(parts: Parts, **environment: str) -> LocalRuntime:
    function = Function(
        logical_id="Work",
        arn="arn",
        name="work",
        handler=Path("handler.py"),
        entry="handler",
        environment=environment,
        timeout=3,
    )
    return LocalRuntime(function, parts)


@pytest.mark.parametrize(
    "part", ["orders", "payments", "cases", "publisher", "gate", "passages", "model_factory"]
)
def test_nothing_is_granted_that_is_not_named(parts: Parts, part: str) -> None:
    with pytest.raises(NotGrantedError, match=r"Work .* template\.yaml"):
        getattr(runtime(parts), part)


def test_what_is_named_is_granted_and_shared(parts: Parts) -> None:
    made = runtime(
        parts,
        REDRESS_ORDERS_TABLE="orders",
        REDRESS_BUS_NAME="bus",
        REDRESS_POLICIES_DIR="/opt/policies",
    )
    assert made.orders is parts.repositories["orders"]
    assert made.gate is parts.gate
    assert made.clock.now().year == 2026
    # A layer's folder does not exist on this machine.
    assert made.config.policies_dir == ""
    with pytest.raises(NotGrantedError):
        _ = made.cases


def test_a_bus_that_refuses_is_a_dependency_that_failed() -> None:
    def refuse(_: list[Mapping[str, Any]]) -> None:
        raise InvalidEventError("too large")

    with pytest.raises(DependencyUnavailableError, match="too large"):
        LocalPublisher(refuse, "bus").publish("CaseProgressed", {})


def test_an_answer_nobody_waits_for_is_not_taken() -> None:
    callback = LocalCallback(Engine(max_workers=0), lambda: False)
    assert callback.send_success("token", {}) is False
    assert callback.send_failure("token", "Denied", "") is False


def test_after_a_restart_an_answer_waits_until_the_token_may_be_known() -> None:
    left = [True, True, False]
    callback = LocalCallback(Engine(max_workers=0), lambda: left.pop(0))
    assert callback.send_success("token", {}) is False
    assert left == []
