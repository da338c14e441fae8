"""What a request does, in IAM's words: the operation, and the main resources that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

MAX_RESOURCES = 25
_MAX_NAME = 512
_MAX_FORM = 65_536
# DynamoDB takes no more items in a transaction, and the longest kind is ConditionCheck.
_MAX_ITEMS = 100
_MAX_KIND = 20

_OPERATION_PATHS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "lambda": (
        ("POST", r"/2015-03-31/functions/([^/]+)/invocations", "InvokeFunction"),
        ("GET", r"/2015-03-31/functions/([^/]+)", "GetFunction"),
        ("GET", r"/2015-03-31/functions/?()", "ListFunctions"),
    ),
    "bedrock": (
        ("POST", r"/model/(.+)/converse", "Converse"),
        ("POST", r"/model/(.+)/converse-stream", "ConverseStream"),
        ("POST", r"/model/(.+)/invoke", "InvokeModel"),
        ("POST", r"/model/(.+)/invoke-with-response-stream", "InvokeModelWithResponseStream"),
    ),
    "execute-api": (
        ("POST", r"(?:/[^/]+)?/@connections/([^/]+)", "PostToConnection"),
        ("GET", r"(?:/[^/]+)?/@connections/([^/]+)", "GetConnection"),
        ("DELETE", r"(?:/[^/]+)?/@connections/([^/]+)", "DeleteConnection"),
    ),
}
_PATHS = {
    service: [(method, re.compile(path), name) for method, path, name in paths]
    for service, paths in _OPERATION_PATHS.items()
}
_S3_OBJECT = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "POST": "PostObject",
    "DELETE": "DeleteObject",
}
_S3_BUCKET = {
    "GET": "ListObjects",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "POST": "PostBucket",
    "DELETE": "DeleteBucket",
}


class _Entry(msgspec.Struct):
    bus: Any = msgspec.field(name="EventBusName", default="default")


class _TableItem(msgspec.Struct):
    table: Any = msgspec.field(name="TableName", default=None)


class _Names(msgspec.Struct):
    """The members of a request that may name its resource; decoding skips all others."""

    table: Any = msgspec.field(name="TableName", default=None)
    index: Any = msgspec.field(name="IndexName", default=None)
    batch: dict[str, msgspec.Raw] = msgspec.field(name="RequestItems", default_factory=dict)
    transaction: list[dict[str, _TableItem]] = msgspec.field(
        name="TransactItems", default_factory=list
    )
    entries: list[_Entry] = msgspec.field(name="Entries", default_factory=list)
    names: Any = msgspec.field(name="Names", default=None)
    queue_url: Any = msgspec.field(name="QueueUrl", default=None)
    queue: Any = msgspec.field(name="QueueName", default=None)
    key: Any = msgspec.field(name="KeyId", default=None)
    secret: Any = msgspec.field(name="SecretId", default=None)
    name: Any = msgspec.field(name="Name", default=None)
    bus: Any = msgspec.field(name="EventBusName", default=None)
    log_group: Any = msgspec.field(name="logGroupName", default=None)
    execution: Any = msgspec.field(name="executionArn", default=None)
    machine: Any = msgspec.field(name="stateMachineArn", default=None)


def describe(
    service: str, method: str, path: str, query: bytes, target: str, body: bytes
) -> tuple[str, tuple[str, ...]]:
    """Return a call's operation and resources, as far as its request tells.

    Args:
        service: `dynamodb`.
        method: `POST`.
        path: The path, decoded.
        query: The query, as sent.
        target: The `X-Amz-Target` header, or "".
        body: The request's body.

    Returns:
        The operation, "unknown" if it cannot be told, and at most `MAX_RESOURCES` resources: a
        name, an ARN or an id, as the caller gave it; none where the call has none.
    """
    if target:
        return target.rpartition(".")[2][:100] or "unknown", _json_resources(service, body)
    if service == "s3":
        return _s3(method, path, query)
    for wanted, pattern, name in _PATHS.get(service, ()):
        match = pattern.fullmatch(path) if wanted == method else None
        if match:
            return name, tuple(unquote(group)[:_MAX_NAME] for group in match.groups() if group)
    if service in _PATHS:
        return f"{method} {path}"[:100], ()
    form = parse_qs((body[:_MAX_FORM] or query).decode("latin-1"))
    action = form.get("Action", ["unknown"])[0][:100]
    named = [form[key][0] for key in ("QueueUrl", "RoleName", "TopicArn") if key in form]
    return action, tuple(name[:_MAX_NAME] for name in named)


def acts(
    service: str, method: str, path: str, query: bytes, target: str, body: bytes
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a call does, as `describe` does, but a transaction by what its items do.

    IAM knows no transactions: each item needs the right to what it does to its table. So a
    transaction that puts and checks yields `TransactWriteItems/Put` with the tables of its puts
    and `TransactWriteItems/ConditionCheck` with those of its checks.
    """
    operation, resources = describe(service, method, path, query, target, body)
    if service != "dynamodb" or operation not in {"TransactWriteItems", "TransactGetItems"}:
        yield operation, resources
        return
    kinds: dict[str, dict[str, None]] = {}
    try:
        items = msgspec.json.decode(body, type=_Names).transaction
    except (ValueError, RecursionError):
        items = []
    for item in items[:_MAX_ITEMS]:
        for kind, names in item.items():
            if isinstance(names.table, str):
                kinds.setdefault(kind[:_MAX_KIND], {})[names.table[:_MAX_NAME]] = None
    if not kinds:
        yield operation, ()
    for kind, tables in kinds.items():
        yield f"{operation}/{kind}", tuple(tables)[:MAX_RESOURCES]


def _json_resources(service: str, body: bytes) -> tuple[str, ...]:
    try:
        names = msgspec.json.decode(body, type=_Names)
    except (ValueError, RecursionError):
        return ()
    found: list[Any]
    if service == "dynamodb":
        found = [*names.batch, *(put.table for item in names.transaction for put in item.values())]
        if names.table is not None:
            found.append(f"{names.table}/index/{names.index}" if names.index else names.table)
    elif service == "sqs":
        url = names.queue_url
        found = [url.rpartition("/")[2] if isinstance(url, str) else names.queue]
    elif service == "events":
        found = [entry.bus for entry in names.entries] or [names.bus or names.name]
    elif service == "ssm" and isinstance(names.names, list):
        found = names.names
    else:
        found = [
            names.key or names.secret or names.log_group or names.execution or names.machine
            or names.name
        ]  # fmt: skip
    texts = dict.fromkeys(name[:_MAX_NAME] for name in found if isinstance(name, str) and name)
    return tuple(texts)[:MAX_RESOURCES]


def _s3(method: str, path: str, query: bytes) -> tuple[str, tuple[str, ...]]:
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets", ()
    if key:
        return _S3_OBJECT.get(method, method), (f"{bucket}/{key}"[:_MAX_NAME],)
    if b"list-type=2" in query:
        return "ListObjectsV2", (bucket,)
    return _S3_BUCKET.get(method, method), (bucket,)
