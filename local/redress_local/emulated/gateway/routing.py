"""Tells from a request which AWS service it is for, and who calls."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from redress_local.emulated.gateway.asgi import Scope

_CREDENTIAL = re.compile(r"AWS4-[A-Z0-9-]+\s+Credential=([^/,\s]{1,128})/([^,\s]{1,128})")
_PRESIGNED = re.compile(r"(?:^|&)X-Amz-Credential=([^&]{1,300})")
_PRESIGNED_BEFORE = re.compile(r"(?:^|&)AWSAccessKeyId=([^&]{1,128})")
"""S3's signatures of version 2, in which boto3 still makes presigned URLs."""

_TARGETS = {
    "AWSStepFunctions": "states",
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
    "Logs_20140328": "logs",
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodb",
}
_ALIASES = {"eventbridge": "events", "bedrock-runtime": "bedrock"}


class Call(NamedTuple):
    """An AWS call: which service, and by which access key id."""

    service: str
    access_key_id: str
    target: str


def aws_call(scope: Scope) -> Call | None:
    """Return the AWS call that a request is, None if it is none.

    The service is the one that the request is signed for, in its header or its query; an unsigned
    request with a target header goes where that says. Signatures are not verified: whoever
    reaches the loopback interface may call, as with every local emulator.
    """
    authorization = target = ""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"x-amz-target":
            target = value.decode("latin-1")[:200]
    found: tuple[str, str] | None = None
    if authorization.startswith("AWS4-"):
        found = _credential(_CREDENTIAL.match(authorization))
    query: bytes = scope["query_string"]
    if found is None and b"X-Amz-Credential=" in query:
        match = _PRESIGNED.search(query.decode("latin-1"))
        if match:
            key, _, rest = unquote(match.group(1)).partition("/")
            found = _scope_service(key, rest)
    if found is None and b"AWSAccessKeyId=" in query:
        match = _PRESIGNED_BEFORE.search(query.decode("latin-1"))
        found = ("s3", match.group(1)) if match else None
    if found is None and target:
        service = _TARGETS.get(target.partition(".")[0])
        found = (service, "") if service else None
    if found is None:
        return None
    service = found[0].lower()
    return Call(_ALIASES.get(service, service), found[1], target)


def _credential(match: re.Match[str] | None) -> tuple[str, str] | None:
    return _scope_service(match.group(1), match.group(2)) if match else None


def _scope_service(key: str, rest: str) -> tuple[str, str] | None:
    """Read DATE/REGION/SERVICE/aws4_request; SigV4A has no region."""
    parts = rest.split("/")
    if len(parts) in (3, 4) and parts[-1] == "aws4_request":
        return parts[-2], key
    return None
