"""The broker gives out what the one rule allows, and what it gives out is taken once."""

from datetime import timedelta

import pytest
from identity_world import ACCESS, NOW, Identity
from redress.errors import AccessDeniedError, InvalidInputError, TokenRefusedError
from redress.identity.grants import delegate
from redress.models.identity import ExchangeRequest, sku_digests

TOOLS = "redress:payments:tools"
AGENT = "redress:payments:agent"


def test_a_grant_becomes_a_token() -> None:
    identity = Identity()
    request = ExchangeRequest(
        workload="payments-agent",
        audience=TOOLS,
        scope=("payments:read", "orders:read", "refunds:execute"),
        case_id="case_1",
        grant_id="grant_1",
    )
    issued = identity.broker.exchange(request)
    assert issued.scope == ("payments:read",)
    assert issued.expires_in == 60
    assert identity.verifier(TOOLS).verify(issued.access_token, "case_1") == ACCESS


def test_a_token_becomes_another_and_names_all_who_acted() -> None:
    identity = Identity()
    token = identity.token("orchestrator", AGENT, "payments:read")
    exchanged = identity.token(
        "payments-agent", TOOLS, "payments:read", grant_id=None, subject_token=token
    )
    access = identity.verifier(TOOLS).verify(exchanged)
    assert access.act == ("payments-agent", "orchestrator")
    assert access.workload == "payments-agent"


@pytest.mark.parametrize(
    ("workload", "audience"),
    [("orders-agent", TOOLS), ("orchestrator", TOOLS), ("settlement", "redress:payments:records")],
)
def test_only_whom_a_token_was_made_for_exchanges_it(workload: str, audience: str) -> None:
    identity = Identity()
    token = identity.token("orchestrator", AGENT, "payments:read")
    with pytest.raises((AccessDeniedError, TokenRefusedError)):
        identity.token(workload, audience, "payments:read", grant_id=None, subject_token=token)


def test_a_token_is_exchanged_once() -> None:
    identity = Identity()
    token = identity.token("orchestrator", AGENT, "payments:read")
    for_tools = {"grant_id": None, "subject_token": token}
    identity.token("payments-agent", TOOLS, "payments:read", **for_tools)
    with pytest.raises(TokenRefusedError, match="before"):
        identity.token("payments-agent", TOOLS, "payments:read", **for_tools)
    assert identity.verifier(AGENT).verify(token).scopes == ("payments:read",)


def test_a_delegation_outlives_its_token_and_adds_nothing() -> None:
    identity = Identity()
    access = identity.verifier(AGENT).verify(identity.token("orchestrator", AGENT, "payments:read"))
    grant_id = delegate(
        identity.cases, access, ("sku_a", "sku_b"), identity.clock, lambda: "task_1"
    )
    identity.clock.pass_seconds(600)
    token = identity.token("payments-agent", TOOLS, "payments:read", grant_id=grant_id)
    found = identity.verifier(TOOLS).verify(token)
    assert found.act == ("payments-agent", "orchestrator")
    assert (found.subject, found.case_id) == ("cus_1", "case_1")
    assert found.sku_digests == sku_digests(("sku_a", "sku_b"))
    with pytest.raises(AccessDeniedError):
        identity.token("orders-agent", "redress:orders:tools", "orders:read", grant_id=grant_id)
    for skus in ((), ("sku_a",), ("sku_b", "sku_a"), ("sku_a", "sku_c")):
        with pytest.raises(AccessDeniedError, match="products"):
            delegate(identity.cases, access, skus, identity.clock, lambda: "task_2")
    identity.clock.pass_seconds(3_600)
    with pytest.raises(AccessDeniedError, match="expired"):
        identity.token("payments-agent", TOOLS, "payments:read", grant_id=grant_id)


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"scopes": ("orders:read",)}, {}),
        ({"expires_at": NOW}, {}),
        ({"order_id": None}, {}),
        ({}, {"case_id": "case_2"}),
        ({}, {"grant_id": "grant_2"}),
        ({"act": ("orchestrator",) * 8}, {}),
    ],
    ids=["user", "expired", "unclaimed", "other-case", "unknown", "long-chain"],
)
def test_what_a_grant_does_not_give(changed: dict, asked: dict) -> None:
    identity = Identity(**changed)
    with pytest.raises(AccessDeniedError):
        identity.token("payments-agent", TOOLS, "payments:read", **asked)


def test_one_thing_is_exchanged() -> None:
    identity = Identity()
    for given in ({"subject_token": "x"}, {"grant_id": None}):
        with pytest.raises(InvalidInputError):
            identity.token("payments-agent", TOOLS, "payments:read", **given)


def test_a_token_never_lives_longer_than_a_minute() -> None:
    identity = Identity()
    token = identity.token("payments-agent", TOOLS, "payments:read")
    identity.clock.time = NOW + timedelta(seconds=60)
    with pytest.raises(TokenRefusedError, match="expired"):
        identity.verifier(TOOLS).verify(token)
