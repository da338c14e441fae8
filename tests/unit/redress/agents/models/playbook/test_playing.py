"""The order of play of agents that only report, and of agents that delegate."""

from typing import Any

from redress.agents.models.playbook.conversation import Conversation
from redress.agents.models.playbook.playing import Step, next_steps

ORDER = {
    "lines": [
        {
            "line": "line_1",
            "sku": "sku_a",
            "quantity": 2,
            "unit_price_minor": 500,
            "status": "shipped",
        }
    ]
}
DELIVERED = {"parcels": [{"status": "delivered", "items": {"sku_a": 1}}]}
WHOLE = {"parcels": [{"status": "delivered", "items": {"sku_a": 2}}]}
INVOICE = {"total_minor": 1000, "currency": "USD"}
PAYMENT = {
    "amount_minor": 1000,
    "currency": "USD",
    "status": "captured",
    "instrument": "card_1",
    "captured_at": "2026-01-01T00:00:00Z",
}
CASE = {"case_id": "c", "order_id": "o", "skus": ["sku_a", "sku_b"]}


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    """A tool that requires those of its arguments that have no `optional`."""
    required = [key for key, value in properties.items() if not value.pop("optional", False)]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": description, "inputSchema": {"json": schema}}


def concluding() -> dict[str, Any]:
    names = ("conclusive", "actions", "citations", "explanation")
    return tool("finish", **{name: {} for name in names})


def user(value: Any) -> dict[str, Any]:
    import json

    return {"role": "user", "content": [{"text": json.dumps(value)}]}


def turn(*answers: tuple[Step, Any]) -> list[dict[str, Any]]:
    """One turn of calls and what came back; an exception stands for an error."""
    uses = [
        {"toolUse": {"toolUseId": f"{n}{s.tool}", "name": s.tool, "input": s.arguments}}
        for n, (s, _) in enumerate(answers)
    ]
    results = [
        {
            "toolResult": {
                "toolUseId": f"{n}{s.tool}",
                "status": "error" if isinstance(value, Exception) else "success",
                "content": [{"json": {} if isinstance(value, Exception) else value}],
            }
        }
        for n, (s, value) in enumerate(answers)
    ]
    return [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]


READS = [
    tool("read_one", order_id={}),
    tool("read_two", order_id={}, payment_ids={"optional": True, "maxItems": 2}),
]
STOCK = tool("stock_of", skus={"type": "array", "maxItems": 1})
ASK = [
    tool("ask_first", "Asks the first agent.", question={}),
    tool("ask_second", "Asks the second agent.", question={}),
    tool("ask_third", "Asks what is in stock.", question={}),
    concluding(),
]


def test_who_only_reports_reads_everything_at_once() -> None:
    steps = next_steps(Conversation([user({"case": CASE})], READS))
    assert [step.tool for step in steps] == ["read_one", "read_two"]
    assert steps[0].arguments == {"order_id": "o"}


def test_who_concludes_reads_one_thing_after_the_other() -> None:
    steps = next_steps(Conversation([user({"case": CASE})], [*READS, concluding()]))
    assert [step.tool for step in steps] == ["read_one"]


def test_what_was_left_out_is_asked_for_by_id() -> None:
    asked = [user({"case": CASE})]
    first = next_steps(Conversation(asked, READS))
    more = {"evidence": {"payments/p1": PAYMENT}, "more": ["payments/p2", "payments/p3", "p4"]}
    asked += turn((first[0], {"evidence": {}}), (first[1], more))
    steps = next_steps(Conversation(asked, READS))
    assert [step.arguments for step in steps] == [
        {"order_id": "o", "payment_ids": ["p2", "p3"]},
        {"order_id": "o", "payment_ids": ["p4"]},
    ]
    asked += turn(*((step, {"evidence": {}}) for step in steps))
    (last,) = next_steps(Conversation(asked, READS))
    assert (last.tool, last.text) == ("", "Found 1 of payments.")


def test_stock_is_asked_of_every_product_where_nothing_else_is_known() -> None:
    steps = next_steps(Conversation([user({"case": CASE})], [STOCK]))
    assert [step.arguments for step in steps] == [{"skus": ["sku_a"]}, {"skus": ["sku_b"]}]


def test_stock_is_asked_of_what_the_question_names() -> None:
    asked = user({"case": CASE, "question": "Is there any of sku_b, or of sku_of_another?"})
    (step,) = next_steps(Conversation([asked], [STOCK]))
    assert step.arguments == {"skus": ["sku_b"]}


def test_stock_is_asked_of_what_is_short_where_the_order_is_known() -> None:
    evidence = {"orders/o": ORDER, "orders/s": DELIVERED}
    (step,) = next_steps(Conversation([user({"case": CASE, "evidence": evidence})], [STOCK]))
    assert step.arguments == {"skus": ["sku_a"]}
    evidence["orders/s"] = WHOLE
    (step,) = next_steps(Conversation([user({"case": CASE, "evidence": evidence})], [STOCK]))
    assert step.tool == ""


def test_who_delegates_asks_side_by_side_and_for_stock_once_something_is_short() -> None:
    asked = [user({"case": CASE})]
    first = next_steps(Conversation(asked, ASK))
    assert [step.tool for step in first] == ["ask_first", "ask_second"]
    payments = {"evidence": {"payments/i": INVOICE, "payments/p": PAYMENT}}
    orders = {"evidence": {"orders/o": ORDER, "orders/s": DELIVERED}}
    asked += turn((first[0], orders), (first[1], payments))
    (step,) = next_steps(Conversation(asked, ASK))
    assert step.tool == "ask_third"
    assert "sku_a" in step.arguments["question"]
    assert "sku_b" not in step.arguments["question"]
    asked += turn((step, {"evidence": {"inventory/sku_a": {"available": 1}}}))
    (last,) = next_steps(Conversation(asked, ASK))
    assert last.tool == "finish"
    assert last.arguments["conclusive"] is True
    assert [action["action"] for action in last.arguments["actions"]] == ["reship_line"]


def test_nothing_short_asks_nobody_for_stock() -> None:
    asked = [user({"case": CASE})]
    first = next_steps(Conversation(asked, ASK))
    payments = {"evidence": {"payments/i": INVOICE, "payments/p": PAYMENT}}
    asked += turn((first[0], {"evidence": {"orders/o": ORDER, "orders/s": WHOLE}}),
                  (first[1], payments))  # fmt: skip
    (step,) = next_steps(Conversation(asked, ASK))
    assert (step.tool, step.arguments["conclusive"]) == ("finish", True)


def test_a_line_is_not_refunded_because_inventory_is_silent() -> None:
    """Without an answer about stock nobody knows whether the pieces can be sent."""
    asked = [user({"case": CASE})]
    first = next_steps(Conversation(asked, ASK))
    payments = {"evidence": {"payments/i": INVOICE, "payments/p": PAYMENT}}
    orders = {"evidence": {"orders/o": ORDER, "orders/s": DELIVERED}}
    asked += turn((first[0], orders), (first[1], payments))
    (step,) = next_steps(Conversation(asked, ASK))
    asked += turn((step, {"evidence": {}, "missing": ["inventory/unavailable"]}))
    (last,) = next_steps(Conversation(asked, ASK))
    assert last.arguments["conclusive"] is False
    assert last.arguments["actions"] == []
    assert "inventory gave no answer" in last.arguments["explanation"]


def test_an_agent_that_failed_is_not_asked_again() -> None:
    asked = [user({"case": CASE})]
    first = next_steps(Conversation(asked, ASK))
    asked += turn((first[0], ValueError()), (first[1], ValueError()))
    (step,) = next_steps(Conversation(asked, ASK))
    assert (step.tool, step.arguments["conclusive"]) == ("finish", False)
