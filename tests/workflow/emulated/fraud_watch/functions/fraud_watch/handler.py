"""Notices customers who open many cases, and statements that several customers send."""

import hashlib
import json
import os
from datetime import datetime
from functools import cache
from typing import Any

import boto3

AGENT = "fraud-watch"
MANY = 3
REMEMBERED_SECONDS = 30 * 86_400


@cache
def client(service: str) -> Any:
    """Return this process's client of a service."""
    return boto3.client(service)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Look at a case that was opened; report what is odd about it."""
    detail = event["detail"]
    case_id, customer, statement = (
        detail.get(name) for name in ("case_id", "customer_id", "statement")
    )
    if not all(isinstance(each, str) and each for each in (case_id, customer, statement)):
        return {"reported": 0}
    opened_at = int(datetime.fromisoformat(event["time"]).timestamp())
    digest = hashlib.sha256(" ".join(statement.lower().split()).encode()).hexdigest()
    cases = seen(f"customer#{customer}", case_id, customer, opened_at)
    copies = seen(f"statement#{digest}", case_id, customer, opened_at)
    findings = []
    if len(cases) >= MANY:
        text = f"{len(cases)} cases of this customer within 30 days."
        findings.append(("many_cases", "warning", text, cases))
    if len({item["customer"]["S"] for item in copies}) > 1:
        text = f"{len(copies)} cases say the same, word for word, of several customers."
        findings.append(("copied_statement", "critical", text, copies))
    for code, severity, text, items in findings:
        report(event, code, severity, text, [f"cases/{item['sk']['S']}" for item in items[-16:]])
    return {"reported": len(findings)}


def seen(key: str, case_id: str, customer: str, opened_at: int) -> list[dict[str, Any]]:
    """Remember a case under a key, and return all that are remembered there up to it."""
    item = {
        "pk": {"S": key},
        "sk": {"S": case_id},
        "customer": {"S": customer},
        "opened_at": {"N": str(opened_at)},
        "expires_at": {"N": str(opened_at + REMEMBERED_SECONDS)},
    }
    dynamodb, table = client("dynamodb"), os.environ["SEEN_TABLE"]
    dynamodb.put_item(TableName=table, Item=item)
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        FilterExpression="opened_at BETWEEN :from AND :to",
        ExpressionAttributeValues={
            ":pk": {"S": key},
            ":from": {"N": str(opened_at - REMEMBERED_SECONDS)},
            ":to": {"N": str(opened_at)},
        },
        ConsistentRead=True,
    )
    return list(found["Items"])


def report(event: dict[str, Any], code: str, severity: str, text: str, names: list[str]) -> None:
    """Put a finding on the bus; delivered twice, the event gives the same finding."""
    finding = {
        "schema_version": "1",
        "case_id": event["detail"]["case_id"],
        "agent": AGENT,
        "code": code,
        "severity": severity,
        "text": text,
        "evidence": names,
        "reported_at": event["time"],
    }
    entry = {
        "EventBusName": os.environ["BUS_NAME"],
        "Source": AGENT,
        "DetailType": "FindingReported",
        "Detail": json.dumps(finding),
    }
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the bus refused a finding: {answer['Entries'][0].get('ErrorCode')}")
