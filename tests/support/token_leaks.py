"""Looks for tokens where none may be: state, logs, events, records, prompts."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{6,}|[Bb]earer\s+[A-Za-z0-9_-]{20,}")
"""What any JWS begins with (`{"` in base64url), and any bearer token at all."""


def tokens_in(content: Any) -> list[str]:
    """Return what looks like a token in text, bytes, or any data that JSON can write."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    elif not isinstance(content, bytes):
        content = json.dumps(content, default=str).encode()
    return [match.group()[:24].decode() for match in TOKEN.finditer(content)]


def leaks_in_files(folder: Path, but: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return the files below a folder that hold what looks like a token."""
    hidden = set(but)
    found = {
        str(path.relative_to(folder)): tokens_in(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in hidden
    }
    return {name: tokens for name, tokens in found.items() if tokens}


def leaks_in_cloud(cloud: Any) -> dict[str, list[str]]:
    """Return where an emulated cloud holds what looks like a token.

    Looked at: every execution's input, output and history, every item of every table, every log
    line, every archived event, every queued message.
    """
    found = {where: tokens_in(content) for where, content in _contents(cloud)}
    return {where: tokens for where, tokens in found.items() if tokens}


def _contents(cloud: Any) -> Iterator[tuple[str, Any]]:
    states = cloud.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn)
        for execution in (each for page in pages for each in page["executions"]):
            name = execution["executionArn"]
            yield name, states.describe_execution(executionArn=name)
            history = states.get_paginator("get_execution_history").paginate(executionArn=name)
            for page in history:
                # A paging token is no token of ours, though it may begin alike.
                yield f"history of {name}", page["events"]
    dynamodb = cloud.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            yield f"table {table}", page["Items"]
    logs = cloud.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            yield f"log {name}", [event["message"] for event in page["events"]]
    archive = cloud.stack.outputs["ArchiveName"]
    yield "events", list(cloud.bus.store.archived(archive, None, None))
    sqs = cloud.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        read = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        yield f"queue {url}", [each["Body"] for each in read.get("Messages", [])]
