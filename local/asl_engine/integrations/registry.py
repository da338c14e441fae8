"""Which resources an engine can call, made of the callables that its host gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asl_engine.integrations import aws_sdk, events, lambda_
from asl_engine.integrations.lambda_ import LambdaCaller, LambdaInvoker
from asl_engine.integrations.protocol import Integration

EventsSink = Callable[[list[dict[str, Any]]], Mapping[str, Any]]
"""Takes PutEvents entries; returns `{"FailedEntryCount": n, "Entries": [...]}` as AWS does."""

ClientFactory = Callable[[str], Any]
"""Takes a boto3 service name; returns a client of it."""

_STATES = "arn:aws:states:::"


class Registry(dict[str, Integration]):
    """Integrations by Resource without its pattern suffix.

    `arn:aws:states:::aws-sdk:SERVICE:ACTION` and Lambda function ARNs are made as they are asked
    for.
    """

    def __init__(
        self,
        *,
        lambda_invoker: LambdaInvoker | None,
        lambda_caller: LambdaCaller | None = None,
        events_sink: EventsSink | None,
        clients: ClientFactory | None,
        extra: Mapping[str, Integration] | None,
    ) -> None:
        super().__init__()
        self._lambda_invoker = lambda_invoker
        self._clients = clients
        if lambda_invoker is not None:
            self[f"{_STATES}lambda:invoke"] = lambda_.invoke_integration(
                lambda_invoker, lambda_caller
            )
        if events_sink is not None:
            self[f"{_STATES}events:putEvents"] = events.put_events_integration(events_sink)
        if clients is not None:
            for action in aws_sdk.DYNAMODB_ACTIONS:
                self[f"{_STATES}dynamodb:{action}"] = aws_sdk.optimized(
                    clients, "dynamodb", action, "DynamoDB"
                )
            self[f"{_STATES}sqs:sendMessage"] = aws_sdk.optimized(
                clients, "sqs", "sendMessage", "SQS"
            )
        self.update(extra or {})

    def problem(self, resource: str, pattern: str) -> str | None:
        """Why a Resource cannot be called, or None when it can be.

        Makes the integration of a resource that is asked for the first time.
        """
        if pattern in {".sync", ".sync:2"} and resource != f"{_STATES}states:startExecution":
            return f"{resource} has no {pattern} pattern here"
        if resource in self:
            return None
        if resource.startswith("arn:aws:lambda:") and ":function:" in resource:
            if self._lambda_invoker is None:
                return "the engine was made without a lambda_invoker"
            self[resource] = lambda_.function_integration(self._lambda_invoker)
            return None
        if resource.startswith(f"{_STATES}aws-sdk:"):
            return self._add_sdk(resource)
        for prefix, given, need in (
            ("lambda:invoke", self._lambda_invoker, "a lambda_invoker"),
            ("events:putEvents", None, "an events sink"),
            ("dynamodb:", self._clients, "a client factory"),
            ("sqs:sendMessage", self._clients, "a client factory"),
        ):
            if given is None and resource.startswith(_STATES + prefix):
                return f"the engine was made without {need}"
        return f"no integration is registered for {resource}"

    def _add_sdk(self, resource: str) -> str | None:
        parts = resource.split(":")
        if len(parts) != 8 or not all(parts[6:]):
            return f"{resource} is not arn:aws:states:::aws-sdk:SERVICE:ACTION"
        if self._clients is None:
            return "the engine was made without a client factory"
        try:
            self[resource] = aws_sdk.sdk(self._clients, parts[6], parts[7])
        except aws_sdk.UnknownActionError as error:
            return str(error)
        return None
