"""Physical names: the same every time, within what services take."""

import re

from hypothesis import given
from hypothesis import strategies as st
from redress_local.emulated.resources.names import (
    access_key_id,
    api_id,
    physical_name,
    stack_id,
)

LOGICAL = st.text("ABCxyz019", min_size=1, max_size=255)
STACK = st.text("abcxyz-019", min_size=1, max_size=128)


@given(STACK, LOGICAL, st.integers(48, 255))
def test_names_fit_and_repeat(stack: str, logical_id: str, limit: int) -> None:
    name = physical_name(stack, logical_id, limit=limit)
    assert len(name) <= limit
    assert name == physical_name(stack, logical_id, limit=limit)
    assert re.search("-[A-Z2-7]{12}$", name)


def test_short_names_are_whole() -> None:
    assert re.fullmatch("redress-Queue-[A-Z2-7]{12}", physical_name("redress", "Queue"))
    assert physical_name("redress", "Queue", tail=".fifo").endswith(".fifo")


def test_long_names_stay_apart() -> None:
    logical_ids = [f"InvestigateEverythingThereIsToKnowOfACaseFunction{i}" for i in range(50)]
    assert len({physical_name("redress", one, limit=64) for one in logical_ids}) == 50


def test_ids_look_like_the_services_own() -> None:
    assert re.fullmatch("[a-z2-7]{10}", api_id("redress", "Api"))
    assert re.fullmatch("ASIA[A-Z2-7]{16}", access_key_id("f"))
    assert access_key_id("f") != access_key_id("g")
    assert stack_id("redress") == stack_id("redress") != stack_id("other")
