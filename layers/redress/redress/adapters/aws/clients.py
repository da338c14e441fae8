"""Low-level AWS clients, made once a process, and the meaning of their errors."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redress.errors import (
    ConflictError,
    DependencyUnavailableError,
    InvalidInputError,
    RedressError,
)

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 4},
)

_CONFLICTS = frozenset(
    {"ConditionalCheckFailed", "ConditionalCheckFailedException", "DuplicateItem"}
    | {"TransactionConflict", "TransactionConflictException"}
)
_REFUSALS = frozenset({"ValidationError", "ValidationException", "ItemCollectionSizeLimitExceeded"})

AWS_ERRORS = (BotoCoreError, ClientError)
"""What a boto3 client raises."""


@cache
def client(service: str) -> Any:
    """Return this process's client of a service; clients are safe for several threads."""
    return boto3.client(service, config=_CONFIG)


@cache
def management_client(url: str) -> Any:
    """Return this process's client of the WebSocket connections behind `url`, a stage's address."""
    return boto3.client("apigatewaymanagementapi", endpoint_url=url, config=_CONFIG)


def error_code(error: BotoCoreError | ClientError) -> str:
    """Return AWS's code of an error; a transport error has its class name."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def translated(error: BotoCoreError | ClientError, what: str) -> RedressError:
    """Return our error for AWS's: a conflict, a refused input, or a service out of reach."""
    codes = {error_code(error)}
    if isinstance(error, ClientError):
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons") or []
        codes |= {str(reason.get("Code")) for reason in reasons}
    if codes & _REFUSALS:
        return InvalidInputError(f"{what}: {error}")
    if codes & _CONFLICTS:
        return ConflictError(f"{what}: another write came first")
    return DependencyUnavailableError(f"{what}: {error}")
