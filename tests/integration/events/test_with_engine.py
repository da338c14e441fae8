"""The bus with the real engine: executions started by events, and their ends told on the bus."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asl_engine import Engine, SqliteJournal, SystemClock, compile_machine
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.embedded.watch import ExecutionWatch
from redress_local.events.api.service import EventsApi
from redress_local.events.bus import EventBus
from redress_local.events.models import Target
from redress_local.events.store import EventStore
from redress_local.events.targets import Targets

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
DLQ = "arn:aws:sqs:us-east-1:000000000000:dlq"
DEFINITION: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Check",
    "States": {
        "Check": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.detail.fail %}", "Next": "Failed"},
            ],
            "Default": "Tell",
        },
        "Failed": {"Type": "Fail", "Error": "Wanted", "Cause": "as told"},
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Arguments": {
                "Entries": [
                    {
                        "Source": "m",
                        "DetailType": "Told",
                        "Detail": {"id": "{% $states.input.id %}"},
                    }
                ]
            },
            "End": True,
        },
    },
}


class World:
    def __init__(self, folder: Path) -> None:
        self.arrived = threading.Condition()
        self.messages: list[tuple[str, str]] = []
        self.store = SqliteStore(folder / "events.db", "NORMAL")
        self.journal = SqliteJournal(folder / "journal.db")
        clock = SystemClock()
        self.engine = Engine(
            journal=self.journal,
            lambda_invoker=lambda *_: b"null",
            events=lambda entries: self.api.put_events(entries),
            clock=clock,
            max_workers=2,
        )
        self.engine.register(compile_machine(DEFINITION, name="m", arn=MACHINE))
        targets = Targets(machines=self.engine, queues=self)
        self.bus = EventBus(
            None, EventStore(self.store), targets, now=clock.now, workers=4, queues=self
        )
        self.api = EventsApi(self.bus)
        self.watch = ExecutionWatch(self.engine, self.bus, inline=False)
        self.rule("start", {"source": ["shop"]}, MACHINE)
        self.rule("told", {"source": ["m"]}, QUEUE)
        self.rule("ends", {"source": ["aws.states"], "detail": {"status": ["FAILED"]}}, QUEUE)

    def rule(self, name: str, pattern: dict[str, Any], arn: str) -> None:
        self.bus.rules.put_rule(name, pattern=pattern)
        target = Target(target_id="t", arn=arn, dead_letter_arn=DLQ)
        self.bus.rules.put_targets(name, [target])

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> None:
        with self.arrived:
            self.messages.append((queue_arn, body))
            self.arrived.notify_all()

    def put(self, **detail: Any) -> str:
        return self.bus.put([{"Source": "shop", "DetailType": "x", "Detail": detail}])[0]

    def wait(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.messages) >= count, 10)

    def close(self) -> None:
        self.bus.close()
        self.engine.close()
        self.journal.close()
        self.store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_many_events_start_one_execution_each_and_are_told(world: World) -> None:
    events = [world.put(fail=False) for _ in range(30)]
    world.wait(30)
    assert sorted(world.messages) == sorted(
        (QUEUE, body) for _, body in world.messages if any(event in body for event in events)
    )
    names = [execution.name for execution in world.engine.list_executions()]
    assert sorted(name[:36] for name in names) == sorted(events)


def test_a_failed_execution_is_told_on_the_default_bus(world: World) -> None:
    world.put(fail=True)
    world.wait(1)
    ((queue, body),) = world.messages
    assert queue == QUEUE
    assert '"status":"FAILED"' in body
    assert '"error":"Wanted"' in body


def test_a_second_delivery_finds_the_first_execution(world: World) -> None:
    rule = world.bus.rules.rule("start")
    seen: list[Any] = []
    send = world.bus.delivery._send
    world.bus.delivery._send = lambda delivery: (seen.append(delivery), send(delivery))[1]
    world.put(fail=False)
    world.wait(1)
    (delivery,) = [one for one in seen if one.rule == rule]
    (execution,) = world.engine.list_executions()
    deadline = time.monotonic() + 5
    while world.engine.describe(execution.arn).status == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    send(delivery)
    assert len(list(world.engine.list_executions())) == 1


def test_an_input_that_is_too_large_is_a_dead_letter(world: World) -> None:
    world.bus.rules.put_targets(
        "start",
        [
            Target(
                target_id="t",
                arn=MACHINE,
                dead_letter_arn=DLQ,
                settings={
                    "InputTransformer": {
                        "InputTemplate": '{"a": <aws.events.event.json>,'
                        ' "b": <aws.events.event.json>}'
                    }
                },
            )
        ],
    )
    event = world.put(text="x" * 200_000)
    world.wait(1)
    ((queue, body),) = world.messages
    assert queue == DLQ
    assert event in body
