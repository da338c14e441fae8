"""Nobody gets anything of an agent without a token for it, about this case, used once."""

import base64
import time
from typing import Any

import msgspec
import pytest
from a2a_world import ISSUER, A2AWorld, message
from mangum import Mangum
from redress.adapters.local_keys import LocalKey
from redress.errors import AccessDeniedError
from redress.identity.tokens import claims_of, sign, sign_jws
from redress.models.case import SupportCase
from redress.models.identity import Access, sku_digests

METHODS = (
    ("POST", "", {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}}),
    ("POST", "/", {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": "x"}}),
    ("POST", "/message:send", {}),
    ("POST", "/v1/message:send", {}),
    ("GET", "/tasks", None),
    ("GET", "/v1/tasks/x", None),
    ("GET", "/v1/card", None),
    ("GET", "/extendedAgentCard", None),
    ("GET", "/nothing", None),
)


def ask(world: A2AWorld, token: str | None, *, domain: str = "orders", **more: Any) -> int:
    """Ask for the list of tasks; returns the HTTP status."""
    headers = {"A2A-Version": "1.0"} | ({} if token is None else {"Authorization": token})
    answer = world.http.get(f"/a2a/{domain}/tasks", headers=headers, **more)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return answer.status_code


def forged(world: A2AWorld, case: SupportCase, **changes: Any) -> str:
    """A token signed by the true issuer's key, with other claims than the broker would make."""
    access = Access(
        subject=case.customer_id,
        case_id=case.case_id,
        order_id=case.order_id,
        sku_digests=sku_digests(case.skus),
        as_of=case.as_of,
        scopes=("orders:read",),
        audience="redress:orders:agent",
        act=("orchestrator",),
    )
    now = int(time.time())
    claims = claims_of(access, issuer=ISSUER, jti=f"jti-{time.monotonic_ns()}", now=now, life=60)
    return sign(msgspec.structs.replace(claims, **changes), world.key)


def test_a_good_token_is_taken(world: A2AWorld) -> None:
    case = world.case()
    assert ask(world, f"Bearer {world.token(case)}") == 200
    assert ask(world, f"Bearer {forged(world, case)}") == 200


@pytest.mark.parametrize(("verb", "path", "body"), METHODS)
def test_nothing_without_a_token(world: A2AWorld, verb: str, path: str, body: Any) -> None:
    answer = world.http.request(verb, f"/a2a/orders{path}", json=body)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer x", "ü"])
def test_what_is_no_token(world: A2AWorld, header: str) -> None:
    headers = {b"A2A-Version": b"1.0", b"Authorization": header.encode()}
    assert world.http.get("/a2a/orders/tasks", headers=headers).status_code == 401


def test_a_token_works_once(world: A2AWorld) -> None:
    token = f"Bearer {world.token(world.case())}"
    assert [ask(world, token) for _ in range(2)] == [200, 401]


def test_a_replayed_message_makes_nothing(world: A2AWorld) -> None:
    case = world.case()
    token = world.token(case)
    world.result("SendMessage", {"message": message(case)}, case, token=token)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "SendMessage",
        "params": {"message": message(case, "m-2")},
    }
    headers = {"Authorization": f"Bearer {token}", "A2A-Version": "1.0"}
    assert world.http.post("/a2a/orders", json=body, headers=headers).status_code == 401
    assert len(world.starter.started) == 1


@pytest.mark.parametrize("other", ["payments", "inventory"])
def test_a_token_for_one_agent_is_refused_by_the_others(world: A2AWorld, other: str) -> None:
    token = f"Bearer {world.token(world.case())}"
    assert ask(world, token, domain=other) == 401
    # It was not for them, so it is not used up either.
    assert ask(world, token) == 200


def test_a_token_for_tools_opens_no_agent(world: A2AWorld) -> None:
    token = world.token(world.case(), workload="orders-agent", audience="redress:orders:tools")
    assert ask(world, f"Bearer {token}") == 401


def test_a_token_of_another_case_starts_nothing(world: A2AWorld) -> None:
    mine, other = world.case(customer_id="customer"), world.case(customer_id="customer")
    code = world.error("SendMessage", {"message": message(other)}, mine)
    assert code == -32602
    assert world.starter.started == []


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "redress:payments:agent"},
        {"exp": int(time.time()) - 1},
        {"nbf": int(time.time()) + 3_600},
        {"exp": int(time.time()) + 3_600},
        {"scope": "orders:read payments:read"},
        {"scope": "refunds:execute"},
        {"scope": ""},
        {"act": {"sub": "settlement"}},
        {"authorization_details": ()},
    ],
    # Not by their values: some are of the moment, and every worker must find the same tests.
    ids=lambda changes: next(iter(changes)),
)
def test_claims_that_cannot_be(world: A2AWorld, changes: dict[str, Any]) -> None:
    assert ask(world, f"Bearer {forged(world, world.case(), **changes)}") == 401


def test_signatures_of_others(world: A2AWorld) -> None:
    case = world.case()
    header, payload, signature = forged(world, case).split(".")
    # Its header says: no algorithm.
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    for token in (f"{none}.{payload}.", f"{header}.{payload}.", f"{header}.{payload}.{signature}x"):
        assert ask(world, f"Bearer {token}") == 401
    # A card's key, whose signature only a card may bear.
    claims = msgspec.json.decode(_decoded(payload))
    for key in (world.card_key, LocalKey()):
        token = sign_jws({"typ": "at+jwt"}, msgspec.json.encode(claims), key)
        assert ask(world, f"Bearer {token}") == 401


def test_without_the_users_right_there_is_no_token(world: A2AWorld) -> None:
    case = world.case()
    with pytest.raises(AccessDeniedError):
        world.token(case, "payments", scope=("refunds:execute",))


def test_a_delegated_grant_is_no_wider_than_the_token(world: A2AWorld) -> None:
    case = world.case()
    world.result("SendMessage", {"message": message(case)}, case)
    grant_id = world.starter.started[0].grant_id
    tools = {"workload": "orders-agent", "audience": "redress:orders:tools", "grant_id": grant_id}
    assert world.token(case, **tools)
    for changes in (
        {"audience": "redress:payments:tools", "scope": ("payments:read",)},
        {"workload": "payments-agent", "audience": "redress:payments:tools"},
        {"case_id": world.case().case_id},
    ):
        with pytest.raises(AccessDeniedError):
            world.token(case, **(tools | changes))


def test_no_token_is_kept(world: A2AWorld) -> None:
    """Neither in the store nor in what the machine is started with."""
    case = world.case()
    token = world.token(case)
    world.result("SendMessage", {"message": message(case)}, case, token=token)
    kept = repr(vars(world.records)).encode() + msgspec.json.encode(world.starter.started)
    assert token.split(".")[2].encode() not in kept
    assert b"eyJ" not in kept


def test_a_caller_cannot_have_a_card_signed_for_another_host(world: A2AWorld) -> None:
    """Behind API Gateway, the address on the card is the one that API Gateway names."""
    path = "/a2a/orders/.well-known/agent-card.json"
    http = {"method": "GET", "path": path, "sourceIp": "1.2.3.4", "protocol": "HTTP/1.1"}
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "evil.example", "x-forwarded-proto": "https"},
        "requestContext": {
            "domainName": "abc.execute-api.us-east-1.amazonaws.com",
            "http": http,
        },
        "isBase64Encoded": False,
    }
    context: Any = None
    answer = Mangum(world.apps["orders"], lifespan="off")(event, context)
    card = msgspec.json.decode(answer["body"])
    urls = {interface["url"] for interface in card["supportedInterfaces"]}
    assert urls == {"https://abc.execute-api.us-east-1.amazonaws.com/a2a/orders"}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
