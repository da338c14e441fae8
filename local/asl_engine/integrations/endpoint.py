"""Tasks that go to one AWS-shaped endpoint by boto3: a local cloud, or nothing at all."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from asl_engine.errors import TaskError
from asl_engine.integrations.lambda_ import LambdaCall

NO_ENDPOINT = "Endpoint.NotConfigured"
"""The error of a task that needs an endpoint where none is set."""


class Endpoint:
    """A Lambda invoker, an events sink and a client factory for an `Engine`.

    Without a URL every call fails its task with `Endpoint.NotConfigured`, so that nothing reaches
    a real account by accident. boto3 is imported with the first call.

    Args:
        url: `http://127.0.0.1:4566`, or None.
        region: The region of the clients.
        hint: How to set the URL, for the error's cause.
    """

    def __init__(self, url: str | None, *, region: str, hint: str = "") -> None:
        self._url = url
        self._region = region
        self._hint = hint
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """The boto3 client of a service."""
        if self._url is None:
            return _Nothing(self._refusal(service))
        with self._lock:
            found = self._clients.get(service)
            if found is None:
                found = self._clients[service] = self._make(service)
        return found

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        # The state machine's own retriers decide; a second set under them would multiply.
        config = Config(
            retries={"total_max_attempts": 1},
            read_timeout=910,
            max_pool_connections=64,
            inject_host_prefix=False,
        )
        return boto3.client(
            service,
            endpoint_url=self._url,
            region_name=self._region,
            aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
            config=config,
        )

    def invoke(self, function: str, payload: bytes) -> bytes:
        """Invoke a function; what it raises is a `TaskError` by the name of its error type."""
        return self._invoke(FunctionName=function, Payload=payload) or b"null"

    def invoke_as(self, call: LambdaCall) -> bytes:
        """Invoke a function as a call says; an `Event` is kept by the endpoint once it is taken."""
        context = {} if call.client_context is None else {"ClientContext": call.client_context}
        return self._invoke(
            FunctionName=call.function,
            Payload=call.payload,
            InvocationType=call.kind,
            **context,
        )

    def _invoke(self, **arguments: Any) -> bytes:
        answer = self._call("lambda", "Lambda", "invoke", **arguments)
        content: bytes = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise TaskError(_error_type(content), content.decode("utf-8", "replace"))
        return content

    def put_events(self, entries: list[dict[str, Any]]) -> Mapping[str, Any]:
        """Put entries on their buses."""
        answer = self._call("events", "EventBridge", "put_events", Entries=entries)
        return {
            "FailedEntryCount": answer.get("FailedEntryCount", 0),
            "Entries": answer.get("Entries", []),
        }

    def _call(self, service: str, prefix: str, operation: str, **arguments: Any) -> Any:
        if self._url is None:
            raise self._refusal(service)
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client(service)
        try:
            return getattr(client, operation)(**arguments)
        except ClientError as error:
            found = error.response["Error"]
            code, message = found.get("Code", "Unknown"), found.get("Message", "")
            raise TaskError(f"{prefix}.{code}", message) from None
        except BotoCoreError as error:
            raise TaskError(f"{prefix}.SdkClientException", str(error)) from None

    def _refusal(self, service: str) -> TaskError:
        cause = f"no endpoint is set, so {service} cannot be called"
        return TaskError(NO_ENDPOINT, f"{cause}: {self._hint}" if self._hint else cause)


class _Nothing:
    """Stands for a client where there is no endpoint: every operation fails."""

    def __init__(self, error: TaskError) -> None:
        self._error = error

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def refuse(**_arguments: Any) -> Any:
            raise self._error

        return refuse


def _error_type(content: bytes) -> str:

    try:
        found = json.loads(content)
    except ValueError:
        return "Lambda.Unknown"
    kind = found.get("errorType") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) and kind else "Lambda.Unknown"
