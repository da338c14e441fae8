"""The gateway's own errors, in the shape in which the called service would tell them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from xml.sax.saxutils import escape

import msgspec

_REST_XML = frozenset({"s3", "cloudfront", "route53"})
_QUERY = frozenset({"iam", "sts", "sns", "cloudformation", "ec2", "elasticloadbalancing"})

Answer = tuple[int, Mapping[str, str], bytes]


def aws_error(service: str, status: int, code: str, message: str) -> Answer:
    """Return an error as a service's protocol writes it: JSON or XML."""
    request_id = str(uuid.uuid4())
    if service in _REST_XML | _QUERY:
        inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if service in _QUERY:
            text = f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId>"
            text += "</ErrorResponse>"
        else:
            text = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
        headers = {"Content-Type": "application/xml", "x-amzn-RequestId": request_id}
        return status, headers, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": code,
    }
    return status, headers, msgspec.json.encode({"__type": code, "message": message})


def plain_error(status: int, message: str) -> Answer:
    """Return an error of what is no AWS service: a JSON object with a message."""
    return status, {"Content-Type": "application/json"}, msgspec.json.encode({"message": message})
