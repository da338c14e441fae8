"""Push notification configs: their lifecycle, and the addresses that none may have."""

from typing import Any

import pytest
from a2a_world import A2AWorld, message
from redress.a2a.tasks import MAX_PUSH_CONFIGS

INVALID_PARAMS, TASK_UNKNOWN = -32602, -32001
URL = "https://hooks.example.com/a2a"
CREATE, GET = "CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig"
LIST, DELETE = "ListTaskPushNotificationConfigs", "DeleteTaskPushNotificationConfig"


@pytest.fixture
def case(world: A2AWorld) -> Any:
    return world.case()


@pytest.fixture
def task_id(world: A2AWorld, case: Any) -> str:
    found: str = world.result("SendMessage", {"message": message(case)}, case)["task"]["id"]
    return found


def test_from_creation_to_deletion(world: A2AWorld, case: Any, task_id: str) -> None:
    config = {
        "taskId": task_id,
        "id": "c-1",
        "url": URL,
        "token": "t",
        "authentication": {"scheme": "Basic", "credentials": "x"},
    }
    which = {"taskId": task_id, "id": "c-1"}
    assert world.result(CREATE, config, case) == config
    assert world.result(GET, which, case) == config
    assert world.result(LIST, {"taskId": task_id}, case) == {"configs": [config]}
    changed = {**config, "url": f"{URL}/2"}
    assert world.result(CREATE, changed, case) == changed
    assert world.result(LIST, {"taskId": task_id}, case) == {"configs": [changed]}
    assert world.result(DELETE, which, case) is None
    assert world.result(DELETE, which, case) is None
    assert world.error(GET, which, case) == TASK_UNKNOWN
    assert world.result(LIST, {"taskId": task_id}, case) == {}
    assert world.result(CREATE, config, case) == config


def test_by_rest(world: A2AWorld, case: Any, task_id: str) -> None:
    path = f"/tasks/{task_id}/pushNotificationConfigs"
    made = world.rest("POST", path, case, json={"id": "c-1", "url": URL})
    assert made.json() == {"id": "c-1", "taskId": task_id, "url": URL}
    assert world.rest("GET", f"{path}/c-1", case).json() == made.json()
    assert world.rest("GET", path, case).json() == {"configs": [made.json()]}
    assert world.rest("DELETE", f"{path}/c-1", case).status_code == 200
    assert world.rest("GET", f"{path}/c-1", case).status_code == 404


def test_one_without_an_id_gets_one(world: A2AWorld, case: Any, task_id: str) -> None:
    made = [world.result(CREATE, {"taskId": task_id, "url": URL}, case)["id"] for _ in range(2)]
    assert len(set(made)) == 2


def test_they_are_few(world: A2AWorld, case: Any, task_id: str) -> None:
    for _ in range(MAX_PUSH_CONFIGS):
        world.result(CREATE, {"taskId": task_id, "url": URL}, case)
    assert world.error(CREATE, {"taskId": task_id, "url": URL}, case) == INVALID_PARAMS


def test_one_may_come_with_the_message(world: A2AWorld, case: Any) -> None:
    params: dict[str, Any] = {
        "message": message(case, "m-2"),
        "configuration": {"taskPushNotificationConfig": {"id": "c-1", "url": URL}},
    }
    task = world.result("SendMessage", params, case)["task"]
    (config,) = world.result(LIST, {"taskId": task["id"]}, case)["configs"]
    assert (config["id"], config["url"]) == ("c-1", URL)
    params["message"]["messageId"] = "m-3"
    params["configuration"]["taskPushNotificationConfig"]["url"] = "http://10.0.0.1/"
    started = len(world.starter.started)
    assert world.error("SendMessage", params, case) == INVALID_PARAMS
    assert len(world.starter.started) == started


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "https://",
        "https:///x",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com/" + "x" * 2_000,
        "https://höoks.example.com/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0.0.0.0/",
        "https://10.0.0.7/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.170.2/v2/credentials",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://unknown.invalid/",
        "https://both.internal/",
        "https://[nonsense/",
    ],
)
def test_urls_that_lead_nowhere_good(world: A2AWorld, case: Any, task_id: str, url: str) -> None:
    config = {"taskId": task_id, "url": url}
    assert world.error(CREATE, config, case) == INVALID_PARAMS
    assert world.result(LIST, {"taskId": task_id}, case) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a#b"},
        {"id": "x" * 200},
        {"token": "a\r\nb"},
        {"token": "x" * 3_000},
        {"authentication": {"scheme": "Basic", "credentials": "ü"}},
    ],
)
def test_what_could_not_be_stored_or_sent(
    world: A2AWorld, case: Any, task_id: str, change: dict[str, Any]
) -> None:
    config = {"taskId": task_id, "url": URL, **change}
    assert world.error(CREATE, config, case) == INVALID_PARAMS
