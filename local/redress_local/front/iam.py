"""Routes with IAM authorization: who signed a request, by its access key id.

Signatures are not verified, as nowhere in the local cloud: whoever reaches the loopback interface
may call. What AWS promises a function is kept: `userArn` is the role whose key was used. `sam
local` gives its containers no key of their function's role, so one who signs with no function's
key may say by User-Agent which function it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

_SOFTWARE = re.compile(r"redress/([a-zA-Z0-9-_]{1,140})")
_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]{1,128})/\d{8}/[a-z0-9-]+/execute-api/aws4_request\s*,"
    r"\s*SignedHeaders=[^,\s]+\s*,\s*Signature=[0-9a-f]{64}\s*"
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an access key is.

    Attributes:
        account: 12 digits.
        arn: A session of a role, or a user.
        identity: IAM's unique id of it.
    """

    account: str
    arn: str
    identity: str


Callers = Callable[[str, str, str], Caller]
"""Tells from an access key id and a User-Agent who calls the resource of an ARN; may count it."""


class UnsignedError(Exception):
    """The request is not signed for an API: 403."""


def check(headers: Mapping[str, str], resource: str, callers: Callers) -> dict[str, Any]:
    """Return `requestContext.authorizer` of a signed request.

    Args:
        headers: Lower case names.
        resource: The route's ARN.
        callers: Knows the access keys.

    Raises:
        UnsignedError: It is not signed for service execute-api.
    """
    found = _CREDENTIAL.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise UnsignedError("the request is not signed for execute-api")
    caller = callers(found.group(1), headers.get("user-agent", ""), resource)
    return {
        "iam": {
            "accessKey": found.group(1),
            "accountId": caller.account,
            "callerId": caller.identity,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": caller.arn,
            "userId": caller.identity,
        }
    }


def function_named(user_agent: str) -> str:
    """Return the function that a User-Agent of `redress/<function>` names, else ""."""
    found = _SOFTWARE.fullmatch(user_agent)
    return found.group(1) if found else ""
