import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from redress.agents.models.playbook.conversation import Conversation
from redress.agents.models.playbook.playing import next_step

CONCLUDE: dict[str, Any] = {
    "name": "finish",
    "inputSchema": {
        "json": {
            "type": "object",
            "properties": {
                name: {}
                for name in ("conclusive", "actions", "findings", "citations", "explanation")
            },
        }
    },
}
READ: dict[str, Any] = {
    "name": "look_up",
    "inputSchema": {"json": {"properties": {"order_id": {}}, "required": ["order_id"]}},
}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def test_reads_facts_wherever_they_stand() -> None:
    conversation = Conversation(
        [
            user('Look: {"case": {"order_id": "o"}, "evidence": {"orders/o": {"lines": []}}} ok?'),
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "u", "name": "look_up", "input": {}}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "u",
                            "status": "success",
                            "content": [{"json": {"evidence": {"inventory/s": {"available": 1}}}}],
                        }
                    }
                ],
            },
        ],
        [],
    )

    assert conversation.case == {"order_id": "o"}
    assert conversation.evidence == {"orders/o": {"lines": []}, "inventory/s": {"available": 1}}
    assert conversation.called("look_up")


def test_tools_are_known_by_their_schemas_not_their_names() -> None:
    asked = [user('{"case": {"order_id": "o"}}')]

    first = next_step(Conversation(asked, [READ, CONCLUDE]))
    assert first == ("look_up", {"order_id": "o"}, "")

    alone = next_step(Conversation(asked, [CONCLUDE]))
    assert alone.tool == "finish"
    assert alone.arguments["conclusive"] is False
    assert alone.arguments["actions"] == []


def test_without_tools_it_answers_in_words() -> None:
    step = next_step(Conversation([user("hello")], []))

    assert not step.tool
    assert step.text


def test_a_tool_that_fails_is_not_called_again() -> None:
    messages = [
        user('{"case": {"order_id": "o"}}'),
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "u", "name": "look_up", "input": {"order_id": "o"}}}
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "u",
                        "status": "error",
                        "content": [{"text": '{"evidence": {"orders/o": {"lines": []}}}'}],
                    }
                }
            ],
        },
    ]

    step = next_step(Conversation(messages, [READ, CONCLUDE]))

    assert step.tool == "finish"
    assert step.arguments["conclusive"] is False


KEYS = [
    "case",
    "evidence",
    "missing",
    "orders/o",
    "payments/p",
    "lines",
    "parcels",
    "line",
    "amount_minor",
    "total_minor",
    "available",
    "status",
    "items",
    "refunds",
    "sku",
    "captured_at",
    "promises",
    "currency",
    "quantity",
    "unit_price_minor",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_senseless_facts_are_never_conclusive_and_never_a_crash(value: Any) -> None:
    step = next_step(Conversation([user(json.dumps(value))], [CONCLUDE]))

    assert step.tool == "finish"
    assert not step.arguments["actions"]
    assert step.arguments["conclusive"] is False
