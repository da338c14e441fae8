"""The meter: what agents may use together is set aside before one is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.agents.budget import Budget, Meter, share
from redress.errors import BudgetExceededError
from redress.models.investigation import Usage

WHOLE = Budget(model_calls=10, total_tokens=1_000, cost_usd_micros=100)
PART = Budget(model_calls=4, total_tokens=400, cost_usd_micros=40)

usages = st.builds(
    Usage,
    model_calls=st.integers(0, 12),
    input_tokens=st.integers(0, 700),
    output_tokens=st.integers(0, 700),
    cost_usd_micros=st.integers(0, 120),
)


@given(usages)
def test_a_share_is_never_more_than_is_left(spent: Usage) -> None:
    tokens = spent.input_tokens + spent.output_tokens
    left = (10 - spent.model_calls, 1_000 - tokens, 100 - spent.cost_usd_micros)
    try:
        found = share(WHOLE, spent, PART)
    except BudgetExceededError:
        assert min(left) <= 0
        return
    assert (found.model_calls, found.total_tokens, found.cost_usd_micros) == (
        min(4, left[0]),
        min(400, left[1]),
        min(40, left[2]),
    )


def test_two_fit_and_a_third_does_not() -> None:
    meter = Meter("playbook", WHOLE)
    meter.hold(PART)
    meter.hold(PART)
    with pytest.raises(BudgetExceededError, match="model calls"):
        meter.hold(PART)
    meter.release(PART)
    meter.hold(PART)


def test_what_others_used_counts() -> None:
    meter = Meter("playbook", WHOLE, Usage(model_calls=1))
    used = Usage(model_calls=6, input_tokens=30, output_tokens=5, tool_calls=2, input_bytes=9)
    meter.add(used)
    assert meter.usage == used + Usage(model_calls=1)
    assert meter.calls_left == 3
    with pytest.raises(BudgetExceededError, match="another agent"):
        meter.hold(PART)


@given(st.lists(usages, max_size=4))
def test_a_sum_is_the_sum_of_each_field(each: list[Usage]) -> None:
    total = sum(each, Usage())
    for name in Usage.__struct_fields__:
        assert getattr(total, name) == sum(getattr(usage, name) for usage in each)
