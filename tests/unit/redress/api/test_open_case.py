"""POST /cases: what is accepted becomes CaseOpened, once a key."""

import base64
import json
from typing import Any

import pytest
from redress.adapters.memory.events import MemoryPublisher
from redress.adapters.memory.repository import MemoryRepository
from redress.api.open_case import open_case
from redress.errors import DependencyUnavailableError
from redress.identity.grants import find_grant
from redress.models.base import parse
from redress.models.case import CaseOpened


@pytest.fixture
def bus() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture
def cases() -> MemoryRepository:
    return MemoryRepository()


@pytest.fixture
def post(bus: MemoryPublisher, cases: MemoryRepository, clock: Any, new_secret: Any) -> Any:
    def send(event: Any) -> tuple[int, dict[str, Any]]:
        answer = open_case(event, cases, bus, clock, new_secret)
        assert answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    return send


def test_a_request_becomes_a_case_of_its_caller(post: Any, sample: Any, bus: Any) -> None:
    status, body = post(sample("open_case", customer="cust_ben"))
    (opened,) = bus.of("CaseOpened")
    case = parse(CaseOpened, opened)
    assert (status, body) == (202, {"case_id": case.case_id, "status": "accepted"})
    assert (case.customer_id, case.order_id) == ("cust_ben", "ord_1001")
    assert case.pattern is None


def test_the_token_s_scope_becomes_a_grant(post: Any, sample: Any, bus: Any, cases: Any) -> None:
    event = sample("open_case")
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    claims["scope"] = "openid redress/orders.read redress/refunds.request"
    assert post(event)[0] == 202
    (opened,) = bus.of("CaseOpened")
    grant = find_grant(cases, opened["grant_id"]).grant
    assert grant.scopes == ("orders:read", "refunds:execute", "shipments:execute")
    assert (grant.case_id, grant.customer_id) == (opened["case_id"], opened["customer_id"])
    assert (grant.source, grant.order_id) == ("api", None)
    claims["scope"] += " redress/payments.read"
    assert post(event)[0] == 202
    assert find_grant(cases, opened["grant_id"]).grant == grant


@pytest.mark.parametrize("scope", [None, "", "openid", "redress/cases.write", ["x"], 7])
def test_a_token_that_grants_nothing_opens_nothing(
    post: Any, sample: Any, bus: Any, scope: Any
) -> None:
    event = sample("open_case")
    event["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = scope
    status, answer = post(event)
    assert (status, answer["error"]) == (403, "AccessDeniedError")
    assert bus.published == []


def test_a_key_makes_one_case_for_one_customer(post: Any, sample: Any) -> None:
    first = post(sample("open_case"))
    assert post(sample("open_case")) == first
    assert post(sample("open_case", customer="cust_ben")) != first
    keyless = sample("open_case")
    del keyless["headers"]["idempotency-key"]
    assert len({post(keyless)[1]["case_id"] for _ in range(3)} | {first[1]["case_id"]}) == 4


def test_a_base64_body_is_read(post: Any, sample: Any) -> None:
    event = sample("open_case")
    event["body"] = base64.b64encode(event["body"].encode()).decode()
    event["isBase64Encoded"] = True
    assert post(event)[0] == 202
    event["body"] = "%%%"
    assert post(event)[1]["message"] == "the body is not base64"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "\ud800",
        {"order_id": "ord_1001"},
        {"order_id": "ord 1001", "statement": "x"},
        {"order_id": "ord_1001", "statement": ""},
        {"order_id": "ord_1001", "statement": "x" * 4_001},
        {"order_id": "ord_1001", "statement": "x", "customer_id": "cust_ben"},
        {"order_id": "ord_1001", "statement": "x", "pattern": "monolith"},
        {"order_id": 7, "statement": "x"},
        '{"order_id": "ord_1001", "statement": "' + "x" * 40_000 + '"}',
        "[" * 20_000,
    ],
)
def test_a_body_that_does_not_fit_is_refused(post: Any, sample: Any, bus: Any, body: Any) -> None:
    status, answer = post(sample("open_case", body=body))
    assert (status, answer["error"]) == (400, "InvalidInputError")
    assert bus.published == []


@pytest.mark.parametrize("key", ["", "x" * 257])
def test_a_key_has_a_size(post: Any, sample: Any, key: str) -> None:
    event = sample("open_case")
    event["headers"]["idempotency-key"] = key
    assert post(event)[0] == 400


@pytest.mark.parametrize("customer", [None, "", 7, "Mina Müller", "x" * 129, ["cust_mina"]])
def test_only_a_customer_opens_a_case(post: Any, sample: Any, bus: Any, customer: Any) -> None:
    status, answer = post(sample("open_case", customer=customer))
    assert (status, answer["error"]) == (403, "NotSignedInError")
    assert bus.published == []


@pytest.mark.parametrize("event", [{"headers": 7}, [], None, {"requestContext": {"authorizer": 1}}])
def test_what_is_no_request_is_refused(post: Any, event: Any) -> None:
    assert post(event)[0] == 400


def test_without_an_authorizer_nobody_is_signed_in(post: Any) -> None:
    assert post({"body": "{}"})[0] == 403


def test_a_bus_that_is_away_is_told(sample: Any, clock: Any, new_secret: Any) -> None:
    class Away:
        def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
            raise DependencyUnavailableError("no bus")

    answer = open_case(sample("open_case"), MemoryRepository(), Away(), clock, new_secret)
    assert answer["statusCode"] == 503
