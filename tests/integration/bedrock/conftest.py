"""The Bedrock stub behind a gateway, and the example case."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from redress.adapters.memory.repository import MemoryRepository
from redress.models.case import CaseRequest, SupportCase
from redress.models.investigation import InvestigationRequest, Passage
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
from redress.steps.fetch_order_evidence import fetch_order_evidence
from redress.steps.fetch_payment_evidence import fetch_payment_evidence
from redress_local.emulated.bedrock.faults import FaultOrder
from redress_local.emulated.bedrock.stub import BedrockStub
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import serve
from redress_local.shop.example import example_shop
from redress_local.shop.seeding import seed_repositories

PASSAGE = Passage(
    passage_id="refund-policy#duplicate-charges",
    title="Duplicate charges",
    text="A charge that repeats another one of the same order is refunded in full.",
)


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


class Example:
    def __init__(self) -> None:
        shop = example_shop()
        order = shop.orders[0]
        self.repositories = tuple(MemoryRepository() for _ in range(3))
        seed_repositories(shop, *self.repositories)
        case = SupportCase(
            case_id="case_1",
            customer_id=order.customer_id,
            order_id=order.order_id,
            statement="I was charged twice and got one of two items.",
            pattern="evidence-first",
            as_of=shop.as_of,
            skus=tuple(dict.fromkeys(line.sku for line in order.lines)),
        )
        fetch: tuple[Callable[..., Any], ...] = (
            fetch_order_evidence,
            fetch_payment_evidence,
            fetch_inventory_evidence,
        )
        asked = CaseRequest(case=case)
        evidence = tuple(f(asked, r) for f, r in zip(fetch, self.repositories, strict=True))
        self.request = InvestigationRequest(case=case, passages=(PASSAGE,), evidence=evidence)


@pytest.fixture
def example() -> Example:
    return Example()
