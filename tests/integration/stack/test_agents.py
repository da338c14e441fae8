"""The domains' A2A servers behind the stack's own API: real HTTP, real functions, a real machine.

Tokens are signed by the stack's key; cards are by the stack's other one.
"""

import json
import time
from typing import Any

import httpx
import pytest
from a2a_caller import A2ACaller, message_of
from customer import Api
from redress.errors import AgentUnavailableError
from redress.models.case import SupportCase
from redress.models.investigation import DOMAINS


@pytest.fixture(scope="module")
def caller(cloud: Any) -> A2ACaller:
    return A2ACaller(cloud)


@pytest.fixture(scope="module")
def case(cloud: Any, caller: A2ACaller) -> SupportCase:
    orders = cloud.client("dynamodb").scan(TableName=cloud.table("orders"))["Items"]
    found = sorted(row["pk"]["S"] for row in orders if row["pk"]["S"].startswith("order#"))
    return caller.case(found[0].removeprefix("order#"))


def test_all_three_agents_report_at_once(caller: A2ACaller, case: SupportCase) -> None:
    with caller.agents() as agents:
        questions = dict.fromkeys(DOMAINS, "What is known?")
        reports = agents.ask_all(questions, case, case.grant_id)
    for domain in DOMAINS:
        report = reports[domain]
        assert not isinstance(report, Exception), report
        assert report.evidence.items, report
        assert all(item.evidence_id.startswith(f"{domain}/") for item in report.evidence.items)


def test_a_message_sent_twice_is_one_execution(
    cloud: Any, caller: A2ACaller, case: SupportCase
) -> None:
    api, body = Api(cloud), {"jsonrpc": "2.0", "id": 1, "method": "SendMessage"}
    body["params"] = {"message": message_of(case, "twice")}
    version = {"A2A_Version": "1.0"}
    tasks = [
        api.call("POST", "/a2a/orders", caller.token(case), body, **version).body["result"]["task"]
        for _ in range(2)
    ]
    assert tasks[0]["id"] == tasks[1]["id"]
    assert tasks[1]["status"]["state"] == "TASK_STATE_COMPLETED"
    states = cloud.client("stepfunctions")
    (machine,) = (
        m["stateMachineArn"]
        for m in states.list_state_machines()["stateMachines"]
        if "RunTask" in m["name"]
    )
    names = [e["name"] for e in states.list_executions(stateMachineArn=machine)["executions"]]
    assert names.count(tasks[0]["id"]) == 1
    # What the machine's history holds has no token in it.
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{tasks[0]['id']}"
    history = json.dumps(states.get_execution_history(executionArn=arn)["events"], default=str)
    assert "eyJ" not in history


def test_rest_and_polling(cloud: Any, caller: A2ACaller, case: SupportCase) -> None:
    api, version = Api(cloud), {"A2A_Version": "1.0"}
    sent = api.call(
        "POST",
        "/a2a/inventory/message:send",
        caller.token(case, "inventory"),
        {
            "message": message_of(case, "rest"),
            "configuration": {"returnImmediately": True},
        },
        **version,
    )
    assert sent.status == 200
    task = sent.body["task"]
    deadline = time.monotonic() + 60
    while task["status"]["state"] != "TASK_STATE_COMPLETED":
        assert time.monotonic() < deadline, task["status"]
        time.sleep(0.2)
        path = f"/a2a/inventory/tasks/{task['id']}"
        task = api.call("GET", path, caller.token(case, "inventory"), **version).body
    listed = api.call("GET", "/a2a/inventory/tasks", caller.token(case, "inventory"), **version)
    assert task["id"] in {one["id"] for one in listed.body["tasks"]}
    assert listed.headers["content-type"] == "application/a2a+json"


def test_a_card_is_public_and_leads_back_here(cloud: Any) -> None:
    url = f"{cloud.url}/a2a/payments"
    with httpx.Client(trust_env=False) as http:
        shown = http.get(f"{url}/.well-known/agent-card.json")
        assert (shown.status_code, shown.json()["url"]) == (200, url)
        etag = {"If-None-Match": shown.headers["etag"]}
        again = http.get(f"{url}/.well-known/agent-card.json", headers=etag)
        assert (again.status_code, again.content) == (304, b"")


def test_a_card_of_another_key_is_not_believed(caller: A2ACaller, case: SupportCase) -> None:
    with (
        caller.agents(keys=caller.broker._signer) as agents,
        pytest.raises(AgentUnavailableError, match="not trusted"),
    ):
        agents.ask("orders", case, "What is known?", case.grant_id)


def test_a_customers_token_opens_no_agent(cloud: Any) -> None:
    api = Api(cloud)
    token = api.token("cust_1")
    assert api.call("GET", "/a2a/orders/tasks", token).status == 401
