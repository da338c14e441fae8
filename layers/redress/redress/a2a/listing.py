"""Pages of a caller's tasks."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from a2a.types import ListTasksRequest, TaskState
from a2a.utils.constants import DEFAULT_LIST_TASKS_PAGE_SIZE
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import validate_page_size

from redress.a2a.wire import STATES
from redress.models.agents import StoredTask

Position = tuple[str, str]
"""Instant of a task's last change and its id: where a page ends."""


class Page(NamedTuple):
    """Some of the tasks that fit, of `total`; `next_token` is empty on the last page."""

    tasks: Sequence[StoredTask]
    next_token: str
    size: int
    total: int


def page_of(tasks: Sequence[StoredTask], wanted: ListTasksRequest) -> Page:
    """Return the page of `tasks`, which are sorted the latest first, that is asked for.

    Raises:
        InvalidParamsError: page size or page token cannot be.
    """
    size = DEFAULT_LIST_TASKS_PAGE_SIZE
    if wanted.HasField("page_size"):
        validate_page_size(wanted.page_size)
        size = wanted.page_size
    fitting = [task for task in tasks if _fits(task, wanted)]
    rest = fitting
    if wanted.page_token:
        after = _read(wanted.page_token)
        rest = [task for task in fitting if _position(task) < after]
    shown = rest[:size]
    token = _written(_position(shown[-1])) if len(rest) > len(shown) else ""
    return Page(shown, token, size, len(fitting))


def _fits(task: StoredTask, wanted: ListTasksRequest) -> bool:
    if wanted.context_id and task.context_id != wanted.context_id:
        return False
    if wanted.status and STATES[task.state] != TaskState.Name(wanted.status):
        return False
    if wanted.HasField("status_timestamp_after"):
        after: datetime = wanted.status_timestamp_after.ToDatetime(tzinfo=UTC)
        return task.updated_at >= after
    return True


def _position(task: StoredTask) -> Position:
    # Fixed width, so that text sorts as time does.
    return task.updated_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f"), task.work.task_id


def _written(position: Position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _read(token: str) -> Position:
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidParamsError("pageToken is not one of ours") from error
    match found:
        case [str(instant), str(task_id)]:
            return instant, task_id
    raise InvalidParamsError("pageToken is not one of ours")
