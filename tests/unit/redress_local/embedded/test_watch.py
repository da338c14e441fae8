"""Which changes of an execution's status reach the default bus."""

from __future__ import annotations

import time
from typing import Any

import pytest
from asl_engine import Engine, TaskError, compile_machine
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.embedded.watch import ExecutionWatch
from redress_local.events.bus import EventBus
from redress_local.events.models import Target
from redress_local.events.store import EventStore

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hear"


class World:
    def __init__(self, path: Any, **options: Any) -> None:
        def invoke(function: str, payload: bytes) -> bytes:
            if function == "bad":
                raise TaskError("Bad", "cause")
            return payload

        self.heard: list[dict[str, Any]] = []
        self.engine = Engine(lambda_invoker=invoke, max_workers=0)
        store = EventStore(SqliteStore(path / "events.db", "NORMAL"))
        send = lambda delivery: self.heard.append(delivery.event["detail"])  # noqa: E731
        self.bus = EventBus(None, store, send, now=time.time)
        self.watch = ExecutionWatch(self.engine, self.bus, inline=True, **options)

    def rule(self, name: str = "r", **detail: Any) -> None:
        pattern = {"source": ["aws.states"], **({"detail": detail} if detail else {})}
        self.bus.rules.put_rule(name, pattern=pattern)
        self.bus.rules.put_targets(name, [Target(target_id="t", arn=FUNCTION)])

    def run(self, function: str) -> list[tuple[str, Any]]:
        self.heard.clear()
        state = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": {"n": 1}},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
        body = {"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": state}}
        self.engine.run(compile_machine(body, name=function), {"n": 1})
        self.watch.tell_ends()
        return [(detail["status"], detail["output"]) for detail in self.heard]


@pytest.mark.parametrize("all_changes", [True, False])
def test_every_change_is_told_where_asked(tmp_path: Any, all_changes: bool) -> None:
    world = World(tmp_path, all_changes=all_changes)
    world.rule()
    others = [("RUNNING", None)] if all_changes else []
    assert world.run("bad") == [*others, ("FAILED", None)]
    assert world.heard[-1]["error"] == "Bad"
    succeeded = [*others, ("SUCCEEDED", '{"n":1}')] if all_changes else []
    assert world.run("good") == succeeded
    if all_changes:
        assert world.heard[0]["stopDate"] is None
        assert world.heard[1]["stopDate"] >= world.heard[1]["startDate"]
        assert world.heard[1]["outputDetails"] == {"included": True}


def test_rules_may_come_and_go(tmp_path: Any) -> None:
    world = World(tmp_path, all_changes=True)
    assert world.run("good") == []
    world.rule(status=["SUCCEEDED"], stateMachineArn=[{"suffix": ":good"}])
    assert world.run("good") == [("SUCCEEDED", '{"n":1}')]
    assert world.run("other") == []
    world.bus.rules.set_enabled("r", enabled=False)
    assert world.run("good") == []


def test_no_event_is_made_that_no_rule_wants(tmp_path: Any, monkeypatch: Any) -> None:
    world = World(tmp_path, all_changes=True)
    world.rule(status=["FAILED"])
    monkeypatch.setattr(world.engine, "describe", None)
    assert world.run("good") == []


def test_an_archive_wants_all(tmp_path: Any) -> None:
    world = World(tmp_path, all_changes=True)
    world.bus.archiving.create("kept", "default")
    world.run("good")
    kept = [event["detail"]["status"] for event in world.bus.store.archived("kept", None, None)]
    assert kept == ["RUNNING", "SUCCEEDED"]
