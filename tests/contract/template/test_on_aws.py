"""A case with an approval, each function with its own environment, on DynamoDB and EventBridge.

moto stands in for the services; tables have the template's own keys and indexes, and functions get
nothing but what the template gives them.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.aws import clients
from redress.config import read_config
from redress.errors import ApprovalMismatchError, CaseAlreadySettledError, RedressError
from redress.runtime import Runtime, using
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories

ROOT = Path(__file__).parents[3]
TABLE = "AWS::DynamoDB::Table"
Play = Callable[..., Any]


def handler(folder: str) -> Any:
    path = ROOT / "functions" / folder / "handler.py"
    spec = importlib.util.spec_from_file_location(f"on_aws_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


def environment(function: dict[str, Any]) -> dict[str, str]:
    """A function's variables; a table or the bus is called like its resource."""
    values: dict[str, str] = {}
    for name, value in function.get("Environment", {}).get("Variables", {}).items():
        if value == "/opt/policies":
            values[name] = str(ROOT / "policies")
        elif name == "REDRESS_MODEL":
            values[name] = "playbook"
        elif name == "REDRESS_DEFAULT_PATTERN":
            values[name] = "evidence-first"
        elif name in {"REDRESS_KNOWLEDGE_BASE_ID", "REDRESS_DATA_SOURCE_ID"}:
            values[name] = ""
        elif isinstance(value, dict) and name != "REDRESS_METRICS_NAMESPACE":
            values[name] = value["Ref"]
    return values


@pytest.fixture
def aws(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """AWS with the template's tables and bus, and a queue that gets all that is on the bus."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    import boto3
    from moto import mock_aws

    with mock_aws():
        clients.client.cache_clear()
        dynamodb, events, sqs = (boto3.client(n) for n in ("dynamodb", "events", "sqs"))
        for name, body in template["Resources"].items():
            if body["Type"] == TABLE:
                properties = body["Properties"]
                keys = ("BillingMode", "AttributeDefinitions", "KeySchema")
                dynamodb.create_table(
                    TableName=name,
                    GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
                    **{key: properties[key] for key in keys},
                )
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        events.create_event_bus(Name="Bus")
        events.put_rule(
            Name="all", EventBusName="Bus", EventPattern=json.dumps({"source": ["redress"]})
        )
        target = {"Id": "heard", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName="Bus", Targets=[target])

        def heard() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for message in messages:
                    found.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return found

        yield heard
    clients.client.cache_clear()


@pytest.fixture
def play(aws: Any, functions: dict[str, dict[str, Any]]) -> Play:
    """Invokes a function by its folder's name."""
    from redress.adapters.aws.repository import DynamoDbRepository

    del aws
    domains = (DynamoDbRepository(name) for name in ("OrdersTable", "PaymentsTable"))
    seed_repositories(example_shop(), *domains, DynamoDbRepository("InventoryTable"))

    def invoke(folder: str, event: Any) -> Any:
        name = "".join(word.capitalize() for word in folder.split("_")) + "Function"
        with using(Runtime(read_config(environment(functions[name])))):
            # Lambda takes and gives JSON.
            answer = handler(folder)(json.loads(json.dumps(event)), None)
        return json.loads(json.dumps(answer))

    return invoke


def rule_on(play: Play, execution: str = "exec_1") -> tuple[Any, dict[str, Any]]:
    """Play a case up to its ruling; a program that is missing makes a human decide."""
    event = json.loads((ROOT / "events" / "case_opened.json").read_text(encoding="utf-8"))
    case = play("validate_case", event)
    claim = play("claim_case", {"case": case, "execution_id": execution})
    passages = play("gather_context", {"case": case})["passages"]
    evidence = [
        play(f"fetch_{domain}_evidence", {"case": case})
        for domain in ("order", "payment", "inventory")
    ]
    known = {"case": case, "passages": passages, "evidence": evidence}
    investigation = play("conclude_investigation", known)
    reconciliation = play("reconcile", {"program": " ", "evidence": investigation["evidence"]})
    ruling = play(
        "decide_by_policy",
        {
            "case": case,
            "attempt": claim["attempt"],
            "investigation": investigation,
            "passages": passages,
            "reconciliation": reconciliation,
        },
    )
    request = {"ruling": ruling, "attempt": claim["attempt"], "approval": None}
    closing = {
        "execution_id": execution,
        "event": event,
        "case": case,
        "proposal": investigation["proposal"],
        "ruling": ruling,
    }
    return request, closing


def test_an_approved_case_is_settled_and_told(play: Play, aws: Any) -> None:
    request, closing = rule_on(play)
    ruling = request["ruling"]
    assert ruling["next_step"] == "approve"
    with pytest.raises(ApprovalMismatchError, match="nobody approved"):
        play("reserve_stock", request)
    question = {"ruling": ruling, "retries": 0, "timeout_seconds": 86_400, "task_token": "t" * 40}
    play("await_approval", question)
    answer = {"case_id": ruling["case_id"], "decision": "approve", "approver": "ana"}
    for _ in range(2):
        given = play("answer_approval", answer)
        assert given["proposal_hash"] == ruling["proposal_hash"]
    steps = ("reserve_stock", "issue_refund", "ship_replacement")
    first = [play(step, request)["effects"] for step in steps]
    assert [play(step, request)["effects"] for step in steps] == first
    done = [(e["action"], e["amount_minor"]) for effects in first for e in effects]
    assert done == [("reserve_stock", 0), ("refund_payment", 6490), ("reship_line", 0)]
    closed = play("close_case", {**closing, "effects": first})
    assert closed["detail_type"] == "CaseResolved"
    assert [a["state"] for a in closed["detail"]["actions"]] == ["done", "done"]
    with pytest.raises(CaseAlreadySettledError):
        rule_on(play, "exec_2")

    heard = aws()
    assert [(e["detail-type"], e["detail"].get("stage")) for e in heard] == [
        ("CaseProgressed", "claimed"),
        ("CaseProgressed", "ruled"),
        ("ApprovalRequested", None),
        ("CaseProgressed", "refunded"),
        ("CaseProgressed", "shipped"),
        ("CaseProgressed", "refunded"),
        ("CaseProgressed", "shipped"),
    ]
    assert "t" * 40 not in json.dumps(heard)


def test_a_settlement_that_fails_is_undone_and_parked(play: Play, aws: Any) -> None:
    request, closing = rule_on(play)
    question = {
        "ruling": request["ruling"],
        "retries": 0,
        "timeout_seconds": 86_400,
        "task_token": "t" * 40,
    }
    play("await_approval", question)
    play("answer_approval", {"case_id": "case_1001", "decision": "approve", "approver": "ana"})
    for step in ("reserve_stock", "issue_refund", "ship_replacement"):
        play(step, request)
    for step in ("cancel_replacement", "reverse_refund", "release_stock"):
        for _ in range(2):
            assert {e["state"] for e in play(step, request)["effects"]} == {"compensated"}
    for step in ("reserve_stock", "issue_refund"):
        with pytest.raises(RedressError, match="undone"):
            play(step, request)
    failure = {"Error": "SettlementCompensated", "Cause": "no carrier"}
    report = {"execution_id": "exec_1", "event": closing["event"], "failure": failure}
    parked = play("record_failure", report)
    assert (parked["case_id"], parked["error"]) == ("case_1001", "SettlementCompensated")
    again, _ = rule_on(play, "exec_2")
    assert again["attempt"] == 2
    assert [a["decision"] for a in again["ruling"]["actions"]] == ["needs_approval", "allow"]
    assert [e["detail-type"] for e in aws()].count("CaseFailed") == 1
