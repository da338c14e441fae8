"""A2A's JSON, as far as both sides of Redress need it: versions, states, and data parts."""

from typing import Any, Final

from redress.models.agents import StoredTask, TaskState
from redress.models.base import dump

VERSION: Final = "1.0"
VERSION_HEADER: Final = "A2A-Version"
CARD_PATH: Final = "/.well-known/agent-card.json"
JSON: Final = "application/json"
REPORT_ARTIFACT: Final = "report"
"""The artifact that holds a `DomainReport`."""

STATES: Final[dict[TaskState, str]] = {
    "submitted": "TASK_STATE_SUBMITTED",
    "working": "TASK_STATE_WORKING",
    "completed": "TASK_STATE_COMPLETED",
    "failed": "TASK_STATE_FAILED",
    "canceled": "TASK_STATE_CANCELED",
}


def whole_numbers(value: Any) -> Any:
    """Give back the integers that protobuf's JSON values turned into floats.

    Its objects come in a new order each time, too; sorted, the same facts are the same prompt.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [whole_numbers(inner) for inner in value]
    return value


def data_part(value: Any) -> dict[str, Any]:
    """Return the part that holds a JSON value."""
    return {"data": dump(value), "mediaType": JSON}


def task_json(task: StoredTask) -> dict[str, Any]:
    """Return a task as A2A 1.0 writes it in JSON."""
    task_id, context_id = task.work.task_id, task.context_id
    status: dict[str, Any] = {
        "state": STATES[task.state],
        "timestamp": dump(task.updated_at),
    }
    if task.failure is not None:
        status["message"] = {
            "messageId": f"{task_id}-failure",
            "contextId": context_id,
            "taskId": task_id,
            "role": "ROLE_AGENT",
            "parts": [{"text": task.failure}],
        }
    found: dict[str, Any] = {
        "id": task_id,
        "contextId": context_id,
        "status": status,
        "history": [task.message],
    }
    if task.report is not None:
        found["artifacts"] = [
            {
                "artifactId": f"{task_id}-report",
                "name": REPORT_ARTIFACT,
                "parts": [data_part(task.report)],
            }
        ]
    return found
