"""AWS services through boto3-like clients: `dynamodb:*`, `sqs:sendMessage` and `aws-sdk:*:*`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from asl_engine.codec import decode, encode
from asl_engine.errors import AslEngineError, TaskError
from asl_engine.integrations.protocol import Integration, TaskRequest

DYNAMODB_ACTIONS = ("getItem", "putItem", "updateItem", "deleteItem")

_ClientFactory = Callable[[str], Any]

# boto3's service names where Step Functions' are others, and the prefix of error names.
_SERVICES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
}
_ERROR_PREFIXES = {
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "sqs": "Sqs",
    "sns": "Sns",
    "s3": "S3",
    "sfn": "Sfn",
    "lambda": "Lambda",
}


class UnknownActionError(AslEngineError):
    """The client has no such operation."""


def optimized(clients: _ClientFactory, service: str, action: str, prefix: str) -> Integration:
    """An optimized integration; its errors are named `PREFIX.Code`."""

    def run(request: TaskRequest) -> Any:
        arguments = request.arguments
        if service == "sqs" and isinstance(arguments, dict):
            body = arguments.get("MessageBody")
            if body is not None and not isinstance(body, str):
                arguments = {**arguments, "MessageBody": encode(body).decode()}
        return _call(clients(service), snake_case(action), arguments, prefix)

    return run


def sdk(clients: _ClientFactory, service: str, action: str) -> Integration:
    """`arn:aws:states:::aws-sdk:SERVICE:ACTION`.

    Raises:
        UnknownActionError: The client has no such operation.
    """
    name = boto_service(service)
    try:
        client = clients(name)
        known = callable(getattr(client, snake_case(action), None))
    except Exception as error:
        # boto3's factories have no common error for a service that does not exist.
        raise UnknownActionError(f"no client for the service {service}: {error}") from error
    if not known:
        raise UnknownActionError(f"the service {service} has no action {action}")
    prefix = _ERROR_PREFIXES.get(service, service[:1].upper() + service[1:])

    def run(request: TaskRequest) -> Any:
        return _call(clients(name), snake_case(action), request.arguments, prefix)

    return run


def boto_service(service: str) -> str:
    """boto3's name of a service that a Resource names: `sfn` is `stepfunctions`."""
    return _SERVICES.get(service, service)


def snake_case(action: str) -> str:
    """`getItem` as boto3 spells it: `get_item`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", action).lower()


def _call(client: Any, operation: str, arguments: Any, prefix: str) -> Any:
    if not isinstance(arguments, dict):
        raise TaskError("States.Runtime", f"{operation} needs Arguments that are an object.")
    try:
        response = getattr(client, operation)(**arguments)
    except TaskError:
        raise
    except Exception as error:
        # botocore is not imported here; its ClientError carries a response, others do not.
        raise _task_error(error, prefix) from error
    result = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    # Through JSON once, so that times and binaries are what a state can hold.
    return decode(encode(result))


def _task_error(error: Exception, prefix: str) -> TaskError:
    response = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:
        code = response["Error"].get("Code", "Unknown")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        message = response["Error"].get("Message", "")
        if prefix[:8].lower() == "dynamodb" and not code.endswith("Exception"):
            code = f"{code}Exception"
        return TaskError(
            f"{prefix}.{code}", f"{message} (Service: {prefix}, Status Code: {status})"
        )
    name = type(error).__name__
    if name == "ParamValidationError":
        return TaskError("States.Runtime", str(error))
    return TaskError(f"{prefix}.{'SdkClientException' if prefix else name}", str(error))
