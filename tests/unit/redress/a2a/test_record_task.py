"""RecordTask: ends a task once, and tells each listener once."""

from typing import Any

import pytest
from a2a_world import A2AWorld, message, report_of
from redress.a2a.record_task import Sends, record_task
from redress.a2a.tasks import PushConfig
from redress.errors import DependencyUnavailableError, InvalidInputError
from redress.models.agents import StoredTask, TaskEnded
from redress.models.base import parse


class Listeners:
    """Plays the sender: who is told what, and who does not take it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.deaf: set[str] = set()

    def __call__(self) -> Sends:
        return self

    def send(self, config: PushConfig, task: dict[str, Any]) -> bool:
        if config.config_id in self.deaf:
            return False
        self.told.append((config.config_id, task["status"]["state"]))
        return True


class Recording:
    def __init__(self) -> None:
        self.world = A2AWorld()
        self.world.starter.act = lambda task: None
        self.listeners = Listeners()
        case = self.world.case()
        params = {"message": message(case), "configuration": {"returnImmediately": True}}
        self.task_id = self.world.result("SendMessage", params, case)["task"]["id"]

    def task(self) -> StoredTask:
        found = self.world.store.find(self.task_id)
        assert found is not None
        return found.task

    def listen(self, *names: str) -> None:
        for name in names:
            config = PushConfig(config_id=name, url="https://hooks.example.com/")
            self.world.store.put_config(self.task(), config)

    def record(self, **ended: Any) -> Any:
        event = TaskEnded(task_id=self.task_id, **ended)
        return record_task(event, self.world.records, self.world.clock, self.listeners)


@pytest.fixture
def at() -> Recording:
    return Recording()


def test_a_report_completes_the_task(at: Recording) -> None:
    answer = at.record(report=report_of("orders"))
    assert (answer.state, answer.told) == ("completed", 0)
    assert at.task().report == report_of("orders")
    assert at.task().failure is None


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            {"Error": "BudgetExceededError", "Cause": "secret"},
            "the agent failed: BudgetExceededError",
        ),
        ({"Error": "Sandbox.Timedout"}, "the agent failed: Sandbox.Timedout"),
        ({"Error": "<script>alert(1)</script>"}, "the agent failed"),
        ({"Error": "x" * 1_000}, "the agent failed"),
        ({"Error": 5}, "the agent failed"),
        ({}, "the agent failed"),
        (None, "the agent failed"),
    ],
)
def test_a_failure_is_told_by_its_name_only(at: Recording, failure: Any, said: str) -> None:
    assert at.record(failure=failure).state == "failed"
    assert (at.task().failure, at.task().report) == (said, None)


def test_the_first_end_counts(at: Recording) -> None:
    at.record(report=report_of("orders"))
    assert at.record(failure={"Error": "Late"}).state == "completed"
    assert at.task().report == report_of("orders")


def test_a_canceled_task_stays_canceled_and_is_told(at: Recording) -> None:
    found = at.world.store.find(at.task_id)
    assert found is not None
    at.listen("a")
    at.world.store.move(found, "canceled")
    assert at.record(report=report_of("orders")).state == "canceled"
    assert at.task().report is None
    assert at.listeners.told == [("a", "TASK_STATE_CANCELED")]


def test_each_listener_is_told_once(at: Recording) -> None:
    at.listen("a", "b")
    for _ in range(3):
        at.record(report=report_of("orders"))
    assert at.listeners.told == [("a", "TASK_STATE_COMPLETED"), ("b", "TASK_STATE_COMPLETED")]


def test_who_was_not_reached_is_told_by_the_next_try(at: Recording) -> None:
    at.listen("a", "b", "c")
    at.listeners.deaf = {"b"}
    with pytest.raises(DependencyUnavailableError):
        at.record(report=report_of("orders"))
    assert at.task().state == "completed"
    at.listeners.deaf = set()
    assert at.record(report=report_of("orders")).told == 1
    assert [name for name, _ in at.listeners.told] == ["a", "c", "b"]


def test_a_deleted_config_is_not_told(at: Recording) -> None:
    at.listen("a")
    gone = PushConfig(config_id="a", url="", gone=True)
    at.world.store.put_config(at.task(), gone)
    at.record(report=report_of("orders"))
    assert at.listeners.told == []


def test_a_task_that_is_forgotten_is_no_error(at: Recording) -> None:
    at.task_id = "task-unknown"
    assert at.record(report=report_of("orders")).state == ""


def test_somebody_changes_the_task_meanwhile(at: Recording) -> None:
    """The sender of the message notes that it is started, just when it ends."""
    commit, raced = at.world.records.commit, []

    def race(writes: Any) -> None:
        if not raced and writes[0].sort == "task":
            raced.append(True)
            found = at.world.store.find(at.task_id)
            assert found is not None
            at.world.store.move(found, "working")
        commit(writes)

    at.world.records.commit = race  # type: ignore[method-assign]
    assert at.record(report=report_of("orders")).state == "completed"


@pytest.mark.parametrize(
    "event", [{}, {"task_id": ""}, {"task_id": "t", "report": 1}, {"task_id": "t", "more": 1}]
)
def test_malformed_events(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        parse(TaskEnded, event)
