"""How AWS names functions in requests: name, ARN, partial ARN, each with or without a qualifier."""

from __future__ import annotations

import re

from redress_local.lambda_service.errors import InvalidParameterError
from redress_local.lambda_service.types import LATEST

_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:function:|function:)?"
    r"([a-zA-Z0-9-_]{1,140})(?::(\$LATEST|[a-zA-Z0-9-_]+))?"
)


def parse_name(reference: str) -> tuple[str, str]:
    """Split what a request calls a function into its name and its qualifier.

    Returns:
        The name and the qualifier, `$LATEST` when there is none.

    Raises:
        InvalidParameterError: It is none of AWS's forms.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InvalidParameterError(f"{reference[:200]!r} is not the name or ARN of a function")
    return match.group(1), match.group(2) or LATEST


def function_arn(name: str, account: str, region: str) -> str:
    """The unqualified ARN of a function."""
    return f"arn:aws:lambda:{region}:{account}:function:{name}"
