"""What tools answer comes back as the evidence that it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.mcp_serving.answers import MAX_ITEMS, found, read_answer
from redress.models.investigation import Evidence, EvidenceBundle

FACTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


@given(facts=st.lists(FACTS, max_size=MAX_ITEMS), missing=st.lists(st.from_regex("[a-z]{1,9}")))
def test_an_answer_is_read_back_whole(facts: list[dict[str, Any]], missing: list[str]) -> None:
    items = tuple(
        Evidence(evidence_id=f"orders/{n}", domain="orders", summary=f"item {n}", facts=one)
        for n, one in enumerate(facts)
    )
    names = tuple(f"orders/{name}" for name in missing)
    answer = found(items, names)
    bundle = read_answer("orders", answer.structured_content, answer.meta)
    assert bundle == EvidenceBundle(domain="orders", items=items, missing=names)
    assert json.loads(answer.content[0].text) == answer.structured_content


@pytest.mark.parametrize(
    "content",
    [None, [], "x", {}, {"evidence": [1]}, {"evidence": {"orders/1": 3}, "missing": "orders/1"}],
)
def test_what_is_no_answer_is_no_evidence(content: Any) -> None:
    assert read_answer("orders", content, None) == EvidenceBundle(domain="orders", items=())


def test_a_domain_vouches_for_its_own_facts_only() -> None:
    content = {
        "evidence": {"payments/pay_1": {"amount_minor": 1}, "orders/ord_1": {}},
        "missing": ["payments/invoice", "orders/shipment", 3],
    }
    bundle = read_answer("orders", content, {"redress/summaries": [1]})
    assert [item.evidence_id for item in bundle.items] == ["orders/ord_1"]
    assert bundle.missing == ("orders/shipment",)
