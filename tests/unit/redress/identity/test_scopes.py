"""The one rule: what is allowed is part of what each of the four allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.errors import AccessDeniedError
from redress.identity.scopes import (
    AUDIENCE_SCOPES,
    DEFAULT_CUSTOMER_SCOPES,
    USER_SCOPES,
    allowed,
    audience,
    user_scopes,
)
from redress.identity.workloads import WORKLOAD_SCOPES

SCOPES = sorted(frozenset().union(*WORKLOAD_SCOPES.values()))
some_scopes = st.frozensets(st.sampled_from(SCOPES))
some_workload = st.sampled_from(sorted(WORKLOAD_SCOPES))
some_audience = st.sampled_from(sorted(AUDIENCE_SCOPES))


@given(some_scopes, some_scopes, some_workload, some_audience)
def test_the_result_is_part_of_all_four(requested, user, workload, target) -> None:
    four = (requested, user, WORKLOAD_SCOPES[workload], AUDIENCE_SCOPES[target])
    try:
        result = allowed(requested, user, workload, target)
    except AccessDeniedError:
        assert not frozenset.intersection(*four)
    else:
        assert result
        assert all(result <= each for each in four)
        assert result == frozenset.intersection(*four)


@given(some_scopes, some_scopes, some_workload, some_audience)
def test_only_the_settlement_executes(requested, user, workload, target) -> None:
    try:
        result = allowed(requested, user, workload, target)
    except AccessDeniedError:
        return
    if any(scope.endswith(":execute") for scope in result):
        assert workload == "settlement"
        assert target.endswith(":records")


@given(st.text())
def test_a_foreign_scope_grants_nothing(text: str) -> None:
    named = frozenset(text.split()) & USER_SCOPES.keys()
    assert (user_scopes(text) == ()) == (not named)


def test_a_customers_scopes() -> None:
    assert user_scopes("openid redress/orders.read redress/refunds.request") == (
        "orders:read",
        "refunds:execute",
        "shipments:execute",
    )
    assert user_scopes(" ".join(USER_SCOPES)) == DEFAULT_CUSTOMER_SCOPES


@pytest.mark.parametrize(
    ("workload", "target"),
    [
        ("somebody", "redress:orders:tools"),
        ("evidence", "redress:secrets:tools"),
        ("payments-agent", "redress:orders:tools"),
        ("settlement", "redress:orders:agent"),
    ],
)
def test_the_unknown_and_the_foreign_get_nothing(workload: str, target: str) -> None:
    with pytest.raises(AccessDeniedError):
        allowed(SCOPES, SCOPES, workload, target)  # type: ignore[arg-type]


def test_audiences() -> None:
    assert audience("orders", "tools") == "redress:orders:tools"
    assert set(AUDIENCE_SCOPES) == {
        f"redress:{domain}:{kind}"
        for domain in ("orders", "payments", "inventory")
        for kind in ("tools", "agent", "records")
    }
