"""The payments domain's tools: what they show of the case's money, and what they refuse."""

from typing import Any

import pytest
from mcp_world import ORDER, ToolWorld, call
from msgspec.structs import replace
from redress.domains.payments.gateway import load_payments, put_payment
from redress.mcp_serving.answers import MAX_ITEMS


def ask(world: ToolWorld, name: str, arguments: Any, **access: Any) -> tuple[str, Any]:
    return call(world.tools("payments"), name, arguments, world.token("payments", **access))


def test_the_invoice_is_shown_alone(world: ToolWorld) -> None:
    content = {"evidence": {"payments/inv_1001": {"total_minor": 6490, "currency": "USD"}}}
    assert ask(world, "get_invoice", {"order_id": ORDER}) == ("success", content)


def test_payments_are_shown_without_the_invoice(world: ToolWorld) -> None:
    status, content = ask(world, "get_payments", {"order_id": ORDER})
    assert (status, list(content)) == ("success", ["evidence"])
    assert list(content["evidence"]) == ["payments/pay_1001_a", "payments/pay_1001_b"]
    assert {facts["refundable_minor"] for facts in content["evidence"].values()} == {6490}


@pytest.mark.parametrize(
    ("name", "missing"), [("get_invoice", "invoice"), ("get_payments", "payment")]
)
def test_what_is_missing_is_named_where_it_belongs(
    world: ToolWorld, name: str, missing: str
) -> None:
    status, content = ask(world, name, {"order_id": "ord_x"}, order_id="ord_x")
    assert (status, content) == ("success", {"evidence": {}, "missing": [f"payments/{missing}"]})


def test_many_payments_are_named_and_can_be_asked_for(world: ToolWorld) -> None:
    payments = world.example.payments
    payment, *_ = load_payments(payments, ORDER).payments
    for number in range(MAX_ITEMS):
        more = replace(payment, payment_id=f"pay_more_{number:03}")
        payments.commit([put_payment(more, 0)])
    _, first = ask(world, "get_payments", {"order_id": ORDER})
    assert len(first["evidence"]) == MAX_ITEMS
    assert first["more"] == ["payments/pay_more_023", "payments/pay_more_024"]
    _, rest = ask(world, "get_payments", {"order_id": ORDER, "payment_ids": first["more"]})
    assert list(rest["evidence"]) == first["more"]


def test_an_unknown_payment_is_refused(world: ToolWorld) -> None:
    arguments = {"order_id": ORDER, "payment_ids": ["pay_1001_a", "pay_1002_a"]}
    status, content = ask(world, "get_payments", arguments)
    assert (status, content["error"]) == ("error", "InvalidInputError")
    assert "payments/pay_1002_a" in content["message"]


@pytest.mark.parametrize("name", ["get_invoice", "get_payments"])
def test_other_orders_and_customers_are_refused(world: ToolWorld, name: str) -> None:
    assert ask(world, name, {"order_id": "ord_1002"})[1]["error"] == "ForeignOrderError"
    foreign = ask(world, name, {"order_id": ORDER}, subject="cust_eve")
    assert (foreign[0], foreign[1]["error"]) == ("error", "ForeignOrderError")
