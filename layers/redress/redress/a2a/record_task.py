"""RecordTask: an A2A task ends in the store, and whoever asked to be told is told."""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from redress.a2a.tasks import PushConfig, TaskStore
from redress.a2a.wire import task_json
from redress.errors import DependencyUnavailableError
from redress.models.agents import StoredTask, TaskEnded
from redress.models.base import Identifier, Model
from redress.ports import Clock, Repository


class Sends(Protocol):
    """Sends push notifications; `redress.a2a.push.PushSender` does."""

    def send(self, config: PushConfig, task: dict[str, Any]) -> bool:
        """POST that a task has another state; False if nobody took it."""
        ...


@cache
def push_sender() -> Sends:
    """Return this process's sender; most tasks need none, nor what it imports."""
    from redress.a2a.push import PushSender

    return PushSender()


class TaskRecorded(Model, frozen=True, kw_only=True):
    """How a task ended; it may be over before, because it was canceled. Empty: it is forgotten."""

    task_id: Identifier
    state: str
    told: int


def record_task(
    ended: TaskEnded,
    records: Repository,
    clock: Clock,
    sender: Callable[[], Sends] = push_sender,
) -> TaskRecorded:
    """End a task with its report or as failed, then send what push notifications are due.

    Doing it again changes nothing, and tells nobody twice who has taken it.

    Args:
        ended: What came of the task.
        records: The repository of tasks.
        clock: The current time.
        sender: Gives this process's sender; asked only if somebody is to be told.

    Raises:
        DependencyUnavailableError: the store did not answer; or the task is recorded, but somebody
            was not reached.
    """
    tasks = TaskStore(records, clock)
    failure = None if ended.report is not None else _failure(ended.failure)
    task = tasks.end(ended.task_id, report=ended.report, failure=failure)
    if task is None:
        return TaskRecorded(task_id=ended.task_id, state="", told=0)
    told, unsent = _tell(task, tasks, sender)
    if unsent:
        raise DependencyUnavailableError(f"{unsent} push notifications of the task were not taken")
    return TaskRecorded(task_id=ended.task_id, state=task.state, told=told)


def _tell(task: StoredTask, tasks: TaskStore, sender: Callable[[], Sends]) -> tuple[int, int]:
    told = unsent = 0
    for config in tasks.configs(task.work.task_id):
        if tasks.was_told(task, config.config_id):
            continue
        if sender().send(config, task_json(task)):
            tasks.note_told(task, config.config_id)
            told += 1
        else:
            unsent += 1
    return told, unsent


def _failure(failure: dict[str, Any] | None) -> str:
    """Say that it failed and by which error; its cause may quote anything."""
    error = (failure or {}).get("Error")
    if isinstance(error, str) and error.replace(".", "").isalnum() and len(error) <= 64:
        return f"the agent failed: {error}"
    return "the agent failed"
