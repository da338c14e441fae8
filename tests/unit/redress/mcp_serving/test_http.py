"""A domain's server behind API Gateway's events: who gets in, and what is told to the others."""

import base64
from typing import Any

import pytest
from mcp_world import (
    ARGUMENTS,
    ISSUER,
    ORDER,
    ToolWorld,
    answer_of,
    content_of,
    http_event,
    message,
    tool_call,
)
from redress.errors import DependencyUnavailableError, InvalidInputError
from redress.mcp_serving.http import MAX_BODY_BYTES, ToolsFront

METADATA = "https://api.example.com/.well-known/oauth-protected-resource/mcp/orders"


def ask(front: ToolsFront, body: Any = None, token: str | None = None, **more: Any) -> Any:
    return front.answer(http_event("orders", body, token, **more), None)


def test_who_has_no_token_learns_where_to_get_one(world: ToolWorld) -> None:
    front = world.front("orders")
    answer = ask(front, tool_call("get_order"))
    challenge = f'Bearer scope="orders:read", resource_metadata="{METADATA}"'
    assert (answer["statusCode"], answer["headers"]["www-authenticate"]) == (401, challenge)
    told = {"error": "TokenRefusedError", "message": "the request bears no token"}
    assert answer_of(answer) == told
    assert answer["headers"]["content-length"] == str(len(answer["body"]))
    where = METADATA.removeprefix("https://api.example.com")
    metadata = answer_of(ask(front, method="GET", path=where))
    assert metadata["resource"] == "https://api.example.com/mcp/orders"
    assert metadata["authorization_servers"] == [f"{ISSUER}/"]
    assert metadata["scopes_supported"] == ["orders:read"]
    assert metadata["bearer_methods_supported"] == ["header"]


def test_without_an_issuer_of_its_own_the_api_is_the_issuer(world: ToolWorld) -> None:
    front = ToolsFront("orders", world.server("orders"), lambda: world.seen("orders"))
    path = METADATA.removeprefix("https://api.example.com")
    answer = ask(front, method="GET", path=path)
    assert answer_of(answer)["authorization_servers"] == ["https://api.example.com/"]


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "", "x" * 10_000])
def test_what_is_no_token_is_refused(world: ToolWorld, token: str) -> None:
    answer = ask(world.front("orders"), tool_call("get_order"), token)
    assert answer["statusCode"] == 401
    assert METADATA in answer["headers"]["www-authenticate"]
    if token:
        assert answer_of(answer)["error"] == "invalid_token"


def test_other_schemes_are_refused(world: ToolWorld) -> None:
    for value in (f"Basic {world.token('orders')}", world.token("orders"), "Bearer"):
        headers = {"authorization": value}
        assert ask(world.front("orders"), tool_call("get_order"), headers=headers)[
            "statusCode"
        ] == (401)


def test_the_token_counts_only_in_its_header(world: ToolWorld) -> None:
    """Neither a token in `_meta` nor one in a URL lets anybody in over HTTP."""
    call = tool_call("get_order")
    call["params"]["_meta"] = {"redress/access": world.token("orders")}
    assert ask(world.front("orders"), call)["statusCode"] == 401
    event = http_event("orders", tool_call("get_order"))
    event["rawQueryString"] = f"access_token={world.token('orders')}"
    assert world.front("orders").answer(event, None)["statusCode"] == 401


def test_a_call_uses_its_token_up_and_looking_around_does_not(world: ToolWorld) -> None:
    front, token = world.front("orders"), world.token("orders")
    for method in ("tools/list", "resources/list", "prompts/list"):
        assert "result" in answer_of(ask(front, message(method), token)), method
    assert content_of(ask(front, tool_call("get_order"), token))["evidence"]
    again = content_of(ask(front, tool_call("get_order"), token))
    assert again == {"error": "TokenRefusedError", "message": "the token was used before"}


def test_a_body_may_be_base64(world: ToolWorld) -> None:
    event = http_event("orders", "", world.token("orders"))
    text = '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}'
    event |= {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}
    answer = world.front("orders").answer(event, None)
    assert len(answer_of(answer)["result"]["tools"]) == 2


NO_JSON = ["", "{nope", "\x00", '{"jsonrpc": "2.0"', '{"jsonrpc": "\\ud800"}']
NO_MESSAGE = [
    "[]",
    "[" * 60_000,
    "3",
    "null",
    '"x"',
    "{}",
    '{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": 1, "method": 3}',
    '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1]}',
    '[{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]',
]


@pytest.mark.parametrize(
    ("body", "code"),
    [*((b, -32700) for b in NO_JSON), *((b, -32600) for b in NO_MESSAGE)],
    ids=range(16),
)
def test_what_is_no_json_rpc_is_told_in_a_line(world: ToolWorld, body: str, code: int) -> None:
    answer = ask(world.front("orders"), body or None, world.token("orders"))
    assert answer["statusCode"] == 400
    error = answer_of(answer)["error"]
    assert error["code"] == code
    assert len(error["message"]) < 200
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    "params", [{}, {"name": 3}, {"name": "get_order", "arguments": "x"}, {"name": ["get_order"]}]
)
def test_a_call_without_its_parameters_is_an_error(world: ToolWorld, params: Any) -> None:
    answer = ask(world.front("orders"), message("tools/call", **params), world.token("orders"))
    error = answer_of(answer)["error"]
    assert error["code"] == -32602
    assert "Traceback" not in answer["body"]


def test_large_bodies_are_kept_out(world: ToolWorld) -> None:
    call = tool_call("get_order", order_id="x" * MAX_BODY_BYTES)
    answer = ask(world.front("orders"), call, world.token("orders"))
    assert (answer["statusCode"], answer_of(answer)["error"]) == (413, "InvalidInputError")


def test_unknown_methods_and_ways_are_refused(world: ToolWorld) -> None:
    front = world.front("orders")
    answer = ask(front, message("tools/nope"), world.token("orders"))
    assert answer_of(answer)["error"]["code"] == -32601
    assert ask(front, method="GET", token=world.token("orders"))["statusCode"] == 405
    assert ask(front, message("ping"), path="/mcp/payments")["statusCode"] == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://api.example.com.evil"])
def test_pages_of_other_sites_are_kept_out(world: ToolWorld, origin: str) -> None:
    answer = ask(
        world.front("orders"),
        tool_call("get_order"),
        world.token("orders"),
        headers={"origin": origin},
    )
    assert answer["statusCode"] == 403


def test_a_check_that_cannot_be_made_is_told(world: ToolWorld) -> None:
    class Dead:
        def verify(self, token: str, case_id: str | None = None) -> Any:
            raise DependencyUnavailableError("the keys cannot be read")

    front = ToolsFront("orders", world.server("orders"), Dead)
    answer = ask(front, tool_call("get_order"), world.token("orders"))
    message = "the keys cannot be read"
    told = {"error": "DependencyUnavailableError", "message": message}
    assert (answer["statusCode"], answer_of(answer)) == (503, told)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": {}},
        {"requestContext": {"domainName": 3}},
        {**http_event("orders"), "headers": {"host": "a b"}},
        {**http_event("orders"), "headers": {"host": "evil.example/x?"}},
        {**http_event("orders"), "headers": []},
        {**http_event("orders"), "body": "not base64!", "isBase64Encoded": True},
        {**http_event("orders"), "body": {"a": 1}},
    ],
    ids=range(8),
)
def test_what_is_no_http_event_is_an_error(world: ToolWorld, event: Any) -> None:
    with pytest.raises(InvalidInputError):
        world.front("orders").answer(event, None)


def test_the_case_can_be_named_beside_the_token(world: ToolWorld) -> None:
    front = world.front("orders")
    for case_id, fits in (("case_1", True), ("case_2", False), (3, False)):
        call = tool_call("get_order")
        call["params"]["_meta"] = {"redress/case": case_id}
        content = content_of(ask(front, call, world.token("orders")))
        assert ("evidence" in content) is fits, case_id


def test_the_example_is_answered(world: ToolWorld) -> None:
    content = content_of(ask(world.front("orders"), tool_call("get_order"), world.token("orders")))
    assert list(content["evidence"]) == [f"orders/{ORDER}"]
    assert ARGUMENTS["get_order"]["order_id"] == ORDER
