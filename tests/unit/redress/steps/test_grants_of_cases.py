"""ClaimCase binds a grant to its case; the settlement does nothing that it does not give."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from redress.errors import AccessDeniedError, InvalidCaseError
from redress.identity.grants import (
    GRANT_LIFE,
    Grants,
    bus_grant_id,
    find_grant,
    put_grant,
    save_grant,
)
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES
from redress.models.identity import Grant
from redress.models.settlement import SettlementRequest
from redress.steps.case_records import find_case
from redress.steps.decide_by_policy import NOT_ASKED_FOR


def grant(world: Any, **changed: Any) -> Grant:
    made = Grant(
        grant_id="grant_api",
        case_id="case_1",
        customer_id="cus_1",
        scopes=("orders:read",),
        source="api",
        expires_at=world.clock.now() + timedelta(days=1),
    )
    return msgspec.structs.replace(made, **changed)


def test_a_case_from_the_bus_gets_a_grant_of_its_own(world: Any) -> None:
    world.claim()
    found = find_grant(world.cases, "grant.case_1").grant
    assert found == Grant(
        grant_id="grant.case_1",
        case_id="case_1",
        customer_id="cus_1",
        scopes=DEFAULT_CUSTOMER_SCOPES,
        source="bus",
        expires_at=world.clock.now() + GRANT_LIFE,
        order_id="ord_1",
        skus=("sku_a", "sku_b"),
        as_of=world.case().as_of,
    )
    assert find_case(world.cases, "case_1").record.grant_id == "grant.case_1"


def test_a_case_from_the_api_keeps_what_its_token_gave(world: Any) -> None:
    save_grant(world.cases, grant(world))
    world.claim(case=world.case(grant_id="grant_api"))
    found = find_grant(world.cases, "grant_api").grant
    assert (found.scopes, found.source) == (("orders:read",), "api")
    assert (found.order_id, found.skus) == ("ord_1", ("sku_a", "sku_b"))


@pytest.mark.parametrize(
    "changed",
    [
        {"case_id": "case_2"},
        {"customer_id": "cus_2"},
        {"order_id": "ord_2"},
        {"source": "delegation"},
        {"grant_id": "another"},
        {"expires_at": "now"},
    ],
)
def test_a_case_is_not_claimed_by_a_foreign_grant(world: Any, changed: Any) -> None:
    if changed.get("expires_at"):
        changed = {"expires_at": world.clock.now()}
    save_grant(world.cases, grant(world, **changed))
    with pytest.raises(InvalidCaseError, match="grant"):
        world.claim(case=world.case(grant_id="grant_api"))
    assert find_case(world.cases, "case_1") is None


def test_a_long_case_id_has_a_grant_too() -> None:
    ids = {bus_grant_id("x" * length) for length in (1, 122, 123, 128)}
    assert len(ids) == 4
    assert all(len(grant_id) <= 128 for grant_id in ids)


def test_nothing_is_ruled_that_was_not_asked_for(world: Any) -> None:
    save_grant(world.cases, grant(world, scopes=("orders:read", "payments:read")))
    case = world.case(grant_id="grant_api")
    world.claim(case=case)
    ruling = world.rule(world.question(case=case))
    assert {action.decision for action in ruling.actions} == {"deny"}
    assert all(NOT_ASKED_FOR in action.reasons for action in ruling.actions)
    assert ruling.next_step == "deny"


@pytest.mark.parametrize("step", ["reserve", "refund", "ship"])
@pytest.mark.parametrize("scopes", [(), ("orders:read", "payments:read", "inventory:read")])
def test_no_effect_without_the_customer_s_word(world: Any, step: str, scopes: Any) -> None:
    """Even if somebody made the ruling pass: the grant is asked again where the change is made."""
    world.claim()
    ruling = world.rule(world.question())
    assert {action.decision for action in ruling.actions} == {"allow"}
    stored = find_grant(world.cases, "grant.case_1")
    world.cases.commit(
        [put_grant(msgspec.structs.replace(stored.grant, scopes=scopes), stored.version)]
    )
    with pytest.raises(AccessDeniedError):
        getattr(world, step)(SettlementRequest(ruling=ruling, attempt=1))
    assert (world.refunded(), world.replacements(), world.stock()[1]) == (0, [], 0)


@pytest.mark.parametrize("given", [None, "unknown", "grant.case_2"])
def test_a_step_without_the_case_s_grant_may_do_nothing(world: Any, given: Any) -> None:
    world.claim()
    world.claim(case=world.case("case_2"))
    with pytest.raises(AccessDeniedError):
        Grants(world.cases, world.clock).authorise(
            world.case(),
            given,
            workload="settlement",
            audience="redress:payments:records",
            scope="refunds:execute",
        )
