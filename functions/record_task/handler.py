"""RecordTask: report or failure in, the A2A task ended and its listeners told."""

from typing import Any

from redress.a2a.record_task import record_task
from redress.logs import logged
from redress.models.agents import TaskEnded
from redress.models.base import dump, parse
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """End the task."""
    here = runtime()
    return dump(record_task(parse(TaskEnded, event), here.tasks, here.clock))
