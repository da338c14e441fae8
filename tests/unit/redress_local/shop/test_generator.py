"""The generator: deterministic, balanced, sound."""

import time
from collections import Counter
from typing import get_args

import pytest
from redress.errors import InvalidInputError
from redress.models.base import dump_json, parse_json
from redress_local.shop.checks import problems, remarks
from redress_local.shop.document import Shop
from redress_local.shop.generator import generate_cases, generate_shop
from redress_local.shop.labels import CaseKind, LookAlike, to_case_opened
from redress_local.shop.wording import HOSTILE


def test_the_same_seed_makes_the_same_shop() -> None:
    assert dump_json(generate_shop(40, 3)) == dump_json(generate_shop(40, 3))
    assert dump_json(generate_shop(40, 3)) != dump_json(generate_shop(40, 4))


@pytest.mark.parametrize("cases", [1, 2, 3, 4, 77])
def test_as_many_cases_as_asked_for(cases: int) -> None:
    _, labels = generate_cases(cases, 5)
    assert len(labels.cases) == cases
    assert len({label.case_id for label in labels.cases}) == cases


@pytest.mark.parametrize("count", [0, -1, 10**9])
def test_impossible_sizes_are_refused(count: int) -> None:
    for make in (generate_shop, generate_cases):
        with pytest.raises(InvalidInputError, match=f"not {count}"):
            make(count, 1)


def test_a_shop_is_sound_and_survives_its_file_format() -> None:
    shop, _ = generate_shop(300, 11)
    assert list(problems(shop)) == []
    assert list(remarks(shop)) == []
    assert parse_json(Shop, dump_json(shop)) == shop
    assert {order.currency for order in shop.orders} == {"USD", "EUR", "GBP", "JPY"}
    assert any(order.note in HOSTILE for order in shop.orders)
    assert any(not customer.name.isascii() for customer in shop.customers)


def test_cases_are_balanced_and_fit_their_orders() -> None:
    shop, labels = generate_cases(650, 2)
    kinds = Counter(label.kind for label in labels.cases)
    assert set(kinds) == set(get_args(CaseKind))
    assert kinds["nothing_wrong"] == 260
    assert min(kinds.values()) >= 50
    looks = Counter(label.look_alike for label in labels.cases if label.look_alike)
    assert set(looks) == set(get_args(LookAlike))
    owners = {order.order_id: order.customer_id for order in shop.orders}
    for label in labels.cases:
        assert owners[label.order_id] == label.customer_id
        assert (label.kind == "nothing_wrong") == (label.look_alike is not None)
        assert (label.kind == "nothing_wrong") == (not label.expected_actions)
        for action in label.expected_actions:
            assert (action.amount_minor > 0) == (action.action != "reship_line")
    actions = Counter(a.action for label in labels.cases for a in label.expected_actions)
    assert min(actions[name] for name in ("refund_payment", "refund_line", "reship_line")) >= 50


def test_a_label_opens_its_case() -> None:
    _, labels = generate_cases(1, 1)
    label = labels.cases[0]
    opened = to_case_opened(label, labels.as_of)
    assert opened.case_id == label.case_id
    assert opened.statement == label.statement
    assert opened.opened_at == labels.as_of


def test_a_large_shop_takes_seconds() -> None:
    started = time.process_time()
    generate_shop(2_000, 1)
    assert time.process_time() - started < 3
