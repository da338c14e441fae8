"""GetTask, ListTasks and CancelTask, with raw requests by JSON-RPC and REST."""

from datetime import timedelta
from typing import Any

import pytest
from a2a_world import A2AWorld, message, report_of
from redress.models.base import dump
from redress.models.case import SupportCase

INVALID_PARAMS, TASK_UNKNOWN, NOT_CANCELABLE = -32602, -32001, -32002


def send(world: A2AWorld, case: SupportCase, message_id: str = "m-1", **more: Any) -> Any:
    params = {
        "message": message(case, message_id, **more),
        "configuration": {"returnImmediately": True},
    }
    return world.result("SendMessage", params, case)["task"]


@pytest.mark.parametrize(
    "task_id", ["task-unknown", "x" * 5_000, "../../etc", "task#x", "\u202e", "' OR 1=1"]
)
def test_unknown_tasks(world: A2AWorld, task_id: str) -> None:
    case = world.case()
    assert world.error("GetTask", {"id": task_id}, case) == TASK_UNKNOWN
    assert world.error("CancelTask", {"id": task_id}, case) == TASK_UNKNOWN


def test_a_task_is_its_callers_alone(world: A2AWorld) -> None:
    """Another customer's token, and the same customer's about another case, find nothing."""
    case = world.case(customer_id="customer")
    task = send(world, case)
    for other in (world.case(), world.case(customer_id="customer")):
        assert world.error("GetTask", {"id": task["id"]}, other) == TASK_UNKNOWN
        assert world.error("CancelTask", {"id": task["id"]}, other) == TASK_UNKNOWN
        push = {"taskId": task["id"], "url": "https://hooks.example.com/x"}
        for method in ("CreateTaskPushNotificationConfig", "ListTaskPushNotificationConfigs"):
            assert world.error(method, push, other) == TASK_UNKNOWN
        assert world.result("ListTasks", {}, other)["tasks"] == []
        more = message(other, "m-2", taskId=task["id"])
        assert world.error("SendMessage", {"message": more}, other) == TASK_UNKNOWN


@pytest.mark.parametrize(("length", "kept"), [(None, 1), (0, 0), (1, 1), (10, 1)])
def test_history_is_cut(world: A2AWorld, length: int | None, kept: int) -> None:
    case = world.case()
    task = send(world, case)
    params = {"id": task["id"]} | ({} if length is None else {"historyLength": length})
    assert len(world.result("GetTask", params, case).get("history", [])) == kept


def test_history_cannot_be_negative(world: A2AWorld) -> None:
    case = world.case()
    task = send(world, case)
    params = {"id": task["id"], "historyLength": -1}
    assert world.error("GetTask", params, case) == INVALID_PARAMS
    assert world.error("ListTasks", {"historyLength": -1}, case) == INVALID_PARAMS


def test_a_working_task_is_canceled_for_good(world: A2AWorld) -> None:
    world.starter.act = lambda task: None
    case = world.case()
    task = send(world, case)
    canceled = world.result("CancelTask", {"id": task["id"]}, case)
    assert canceled["status"]["state"] == "TASK_STATE_CANCELED"
    # The report that comes later is thrown away.
    world.complete(world.starter.started[0])
    found = world.result("GetTask", {"id": task["id"]}, case)
    assert found["status"]["state"] == "TASK_STATE_CANCELED"
    assert "artifacts" not in found
    assert world.error("CancelTask", {"id": task["id"]}, case) == NOT_CANCELABLE


def test_a_finished_task_is_not_canceled(world: A2AWorld) -> None:
    case = world.case()
    task = send(world, case)
    assert world.error("CancelTask", {"id": task["id"]}, case) == NOT_CANCELABLE
    found = world.result("GetTask", {"id": task["id"]}, case)
    assert found["status"]["state"] == "TASK_STATE_COMPLETED"


def test_a_failed_task_says_so_and_no_more(world: A2AWorld) -> None:
    world.starter.act = lambda task: world.store.end(task.task_id, failure="the agent failed")
    case = world.case()
    task = send(world, case)
    assert task["status"]["state"] == "TASK_STATE_FAILED"
    assert task["status"]["message"]["parts"] == [{"text": "the agent failed"}]
    assert "artifacts" not in task


def test_pages_hold_every_task_once(world: A2AWorld) -> None:
    case = world.case()
    made = [send(world, case, f"m-{i}")["id"] for i in range(7)]
    seen: list[str] = []
    params: dict[str, Any] = {"pageSize": 3}
    sizes = []
    while True:
        page = world.result("ListTasks", params, case)
        seen += [task["id"] for task in page["tasks"]]
        sizes.append(len(page["tasks"]))
        assert page["totalSize"] == 7
        assert page["pageSize"] == 3
        if not page["nextPageToken"]:
            break
        params["pageToken"] = page["nextPageToken"]
    assert sizes == [3, 3, 1]
    # The latest first.
    assert seen == made[::-1]


def test_lists_leave_reports_out_unless_asked(world: A2AWorld) -> None:
    case = world.case()
    send(world, case)
    (task,) = world.result("ListTasks", {}, case)["tasks"]
    assert "artifacts" not in task
    (task,) = world.result("ListTasks", {"includeArtifacts": True, "historyLength": 0}, case)[
        "tasks"
    ]
    assert task["artifacts"]
    assert not task.get("history")


def test_lists_are_filtered(world: A2AWorld) -> None:
    case = world.case()
    first = send(world, case, "m-1", contextId="ctx-1")
    world.starter.act = lambda task: None
    second = send(world, case, "m-2")

    def ids(**params: Any) -> list[str]:
        return [task["id"] for task in world.result("ListTasks", params, case)["tasks"]]

    assert ids(contextId="ctx-1") == [first["id"]]
    assert ids(status="TASK_STATE_WORKING") == [second["id"]]
    assert ids(status="TASK_STATE_COMPLETED") == [first["id"]]
    assert ids(status="TASK_STATE_REJECTED") == []
    now = world.clock.now()
    assert ids(statusTimestampAfter=dump(now + timedelta(minutes=1))) == []
    assert len(ids(statusTimestampAfter=dump(now - timedelta(minutes=1)))) == 2


@pytest.mark.parametrize(
    "params",
    [
        {"pageSize": 0},
        {"pageSize": -1},
        {"pageSize": 101},
        {"pageSize": "many"},
        {"pageToken": "x"},
        {"pageToken": "bm90IGpzb24"},
        {"pageToken": "WzEsMl0"},
        {"pageToken": "ü"},
        {"statusTimestampAfter": "yesterday"},
    ],
)
def test_pages_that_cannot_be(world: A2AWorld, params: dict[str, Any]) -> None:
    assert world.error("ListTasks", params, world.case()) == INVALID_PARAMS


# REST


def test_rest_does_the_same(world: A2AWorld) -> None:
    case = world.case()
    sent = world.rest("POST", "/message:send", case, json={"message": message(case)})
    assert sent.status_code == 200
    assert sent.headers["content-type"] == "application/a2a+json"
    task = sent.json()["task"]
    assert task["artifacts"][0]["parts"][0]["data"]["domain"] == report_of("orders").domain
    found = world.rest("GET", f"/tasks/{task['id']}?historyLength=0", case)
    assert found.json()["id"] == task["id"]
    assert "history" not in found.json()
    listed = world.rest("GET", "/tasks?pageSize=1&status=TASK_STATE_COMPLETED", case)
    assert [t["id"] for t in listed.json()["tasks"]] == [task["id"]]


def problem(answer: Any) -> tuple[int, str]:
    error = answer.json()["error"]
    reasons = [detail.get("reason") for detail in error.get("details", [{}])]
    return answer.status_code, reasons[0] or error["status"]


def test_rest_tells_errors_by_status_and_reason(world: A2AWorld) -> None:
    case = world.case()
    task = send(world, case)
    assert problem(world.rest("GET", "/tasks/none", case)) == (404, "TASK_NOT_FOUND")
    assert problem(world.rest("POST", f"/tasks/{task['id']}:cancel", case)) == (
        400,
        "TASK_NOT_CANCELABLE",
    )
    old = {"A2A-Version": "0.2"}
    assert problem(world.rest("GET", f"/tasks/{task['id']}", case, headers=old)) == (
        400,
        "VERSION_NOT_SUPPORTED",
    )
    assert problem(
        world.rest("POST", "/message:stream", case, json={"message": message(case)})
    ) == (
        400,
        "UNSUPPORTED_OPERATION",
    )
    assert problem(world.rest("POST", "/message:send", case, content=b"{")) == (
        400,
        "INVALID_REQUEST",
    )
    assert problem(world.rest("POST", "/message:send", case, json={})) == (400, "INVALID_PARAMS")
    assert problem(world.rest("POST", "/message:send", case, json={"message": 5})) == (
        400,
        "INVALID_REQUEST",
    )
    assert problem(world.rest("GET", "/tasks?pageSize=1000", case)) == (400, "INVALID_PARAMS")
    large = world.rest("POST", "/message:send", case, content=b" " * 200_000)
    assert problem(large) == (413, "INVALID_ARGUMENT")


def test_what_is_not_there(world: A2AWorld) -> None:
    case = world.case()
    assert world.rest("GET", "/nothing", case).status_code == 404
    assert world.rest("GET", "", case).status_code == 405
    # There are no tenants.
    assert world.rest("GET", "/tenant/tasks", case).status_code == 404
