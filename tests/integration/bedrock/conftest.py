"""The Bedrock stub behind a gateway, and the example case."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from example_case import ExampleCase
from redress_local.emulated.bedrock.faults import FaultOrder
from redress_local.emulated.bedrock.stub import BedrockStub
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import serve


class Bedrock:
    def __init__(self, stub: BedrockStub, gateway: Gateway, url: str) -> None:
        self.stub, self.gateway, self.url = stub, gateway, url

    def client(self) -> Any:
        return boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="session")
def started() -> Iterator[Bedrock]:
    stub = BedrockStub()
    gateway = Gateway(Routes(asgi={"bedrock": stub}, pages={"bedrock": stub.page}))
    with serve(gateway) as server:
        yield Bedrock(stub, gateway, server.url)
    stub.close()


@pytest.fixture
def bedrock(started: Bedrock, monkeypatch: pytest.MonkeyPatch) -> Bedrock:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "stub",
        "AWS_SECRET_ACCESS_KEY": "stub",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": started.url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    started.stub.order(FaultOrder(calls=0))
    started.gateway.calls.clear()
    return started


@pytest.fixture
def example() -> ExampleCase:
    return ExampleCase()
