"""One Step Functions API per test module, on a random loopback port, with boto3 in front."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asl_engine import Engine, TaskError
from asl_engine.api.http import asgi_app
from asl_engine.api.service import StepFunctionsApi
from aws_clients import client
from redress_local.emulated.gateway.server import serve

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
INVOKE = "arn:aws:states:::lambda:invoke"


class Served:
    """A running API.

    Attributes:
        sfn: A boto3 client of it.
        functions: What lambda:invoke calls, by name.
        tokens: The task tokens that the function `token` was given, by what came with them.
    """

    def __init__(self, url: str, functions: dict[str, Callable[[Any], Any]]) -> None:
        self.url = url
        self.functions = functions
        self.tokens: dict[str, str] = {}
        functions["token"] = self._take_token
        self.sfn = client("stepfunctions", url, region=REGION, inject_host_prefix=False)

    def _take_token(self, value: Any) -> None:
        self.tokens[value["key"]] = value["token"]

    def create(self, body: dict[str, Any], name: str | None = None, **fields: Any) -> str:
        """Create a machine and return its ARN."""
        definition = json.dumps({"QueryLanguage": "JSONata", **body})
        made = self.sfn.create_state_machine(
            name=name or f"m-{uuid.uuid4()}", definition=definition, roleArn=ROLE, **fields
        )
        arn: str = made["stateMachineArn"]
        return arn

    def start(self, arn: str, value: Any = None, **fields: Any) -> str:
        """Start an execution and return its ARN."""
        text = json.dumps({} if value is None else value)
        started = self.sfn.start_execution(stateMachineArn=arn, input=text, **fields)
        execution: str = started["executionArn"]
        return execution

    def ended(self, arn: str) -> dict[str, Any]:
        """An execution once it is over."""
        return self.until(lambda: self._over(arn))

    def _over(self, arn: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self.sfn.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    def run(self, body: dict[str, Any], value: Any = None, **fields: Any) -> dict[str, Any]:
        """Create a machine, run it and return the ended execution."""
        return self.ended(self.start(self.create(body, **fields), value))

    def events(self, arn: str, **fields: Any) -> list[dict[str, Any]]:
        """The whole history, from as many pages as it takes."""
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=arn, **fields)
        return [event for page in pages for event in page["events"]]

    def until(self, found: Callable[[], Any], seconds: float = 10) -> Any:
        """What the callable returns, once it returns something."""
        end = time.monotonic() + seconds
        while True:
            value = found()
            if value:
                return value
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.01)

    def token(self, key: str) -> str:
        """The task token that came with a key."""
        token: str = self.until(lambda: self.tokens.get(key))
        return token

    def code(self, operation: str, **request: Any) -> str:
        """The error code that an operation ends in."""
        with pytest.raises(self.sfn.exceptions.ClientError) as caught:
            getattr(self.sfn, operation)(**request)
        code: str = caught.value.response["Error"]["Code"]
        return code


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    functions: dict[str, Callable[[Any], Any]] = {"echo": lambda value: value}

    def invoke(function: str, payload: bytes) -> bytes:
        name = function.rpartition(":")[2]
        if name not in functions:
            raise TaskError("Lambda.ResourceNotFoundException", f"no function {name}")
        return json.dumps(functions[name](json.loads(payload))).encode()

    with Engine(lambda_invoker=invoke) as engine:
        api = StepFunctionsApi(engine, account=ACCOUNT, region=REGION)
        with serve(asgi_app(api)) as server:
            yield Served(server.url, functions)
            api.close()


@pytest.fixture(scope="session")
def asl() -> type[Asl]:
    return Asl


class Asl:
    """Short ways to write states."""

    @staticmethod
    def one(state: dict[str, Any], name: str = "Only") -> dict[str, Any]:
        """A scope of one state."""
        last = {} if state["Type"] in {"Succeed", "Fail", "Choice"} else {"End": True}
        return {"StartAt": name, "States": {name: {**state, **last}}}

    @staticmethod
    def task(function: str, **fields: Any) -> dict[str, Any]:
        """A lambda:invoke task."""
        return {
            "Type": "Task",
            "Resource": INVOKE,
            "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            **fields,
        }

    @staticmethod
    def waiting(key: str = "{% $states.input.key %}", **fields: Any) -> dict[str, Any]:
        """A task that waits for its token, which the test gets by the key."""
        return {
            "Type": "Task",
            "Resource": f"{INVOKE}.waitForTaskToken",
            "Arguments": {
                "FunctionName": "token",
                "Payload": {"token": "{% $states.context.Task.Token %}", "key": key},
            },
            **fields,
        }
