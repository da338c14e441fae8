"""Tokens that must not open a domain's tools: of others, forged, widened, stale or used."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from mcp_world import (
    A_TOOL,
    ARGUMENTS,
    DOMAINS,
    ISSUER,
    ToolWorld,
    answer_of,
    call,
    http_event,
    message,
    tool_call,
)
from redress.adapters.local_keys import LocalKey
from redress.identity.scopes import READ_SCOPE, audience
from redress.identity.tokens import claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.models.base import dump
from redress.models.investigation import DomainName


def refused_everywhere(world: ToolWorld, domain: DomainName, token: str) -> None:
    """Check that a token gives nothing in memory, and over HTTP not even the list of tools."""
    name = A_TOOL[domain]
    status, content = call(world.tools(domain), name, ARGUMENTS[name], token)
    assert (status, content["error"]) == ("error", "TokenRefusedError")
    front = world.front(domain)
    for body in (tool_call(name), message("tools/list"), message("server/discover")):
        answer = front.answer(http_event(domain, body, token), None)
        assert answer["statusCode"] == 401
        assert answer_of(answer)["error"] == "invalid_token"
        assert "WWW-Authenticate".lower() in answer["headers"]


def claims(world: ToolWorld, domain: DomainName, **changed: Any) -> dict[str, Any]:
    now = int(world.clock.now().timestamp())
    made = claims_of(world.access(domain), issuer=ISSUER, jti="jti-x", now=now, life=60)
    return {**dump(made), **changed}


def signed(world: ToolWorld, content: dict[str, Any], **header: Any) -> str:
    """Sign as the issuer would."""
    key = world.key._key
    full = {"alg": "ES256", "typ": "at+jwt", "kid": world.key.key_id, **header}
    return jws.serialize_compact(full, json.dumps(content).encode(), key, ["ES256"])


def test_the_helper_signs_what_is_taken(world: ToolWorld) -> None:
    """Else all that follows would be refused for another reason."""
    token = signed(world, claims(world, "orders"))
    status, _ = call(world.tools("orders"), "get_order", ARGUMENTS["get_order"], token)
    assert status == "success"


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("other", DOMAINS)
def test_a_token_for_one_server_is_refused_by_the_others(
    world: ToolWorld, domain: DomainName, other: DomainName
) -> None:
    if domain != other:
        refused_everywhere(world, other, world.token(domain))
        return
    name = A_TOOL[domain]
    assert call(world.tools(domain), name, ARGUMENTS[name], world.token(domain))[0] == "success"


@pytest.mark.parametrize("kind", ["agent", "records"])
def test_a_token_for_the_domains_other_doors_is_refused(world: ToolWorld, kind: Any) -> None:
    token = world.token("payments", audience=audience("payments", kind))
    refused_everywhere(world, "payments", token)


def test_a_wrong_issuer_is_refused(world: ToolWorld) -> None:
    refused_everywhere(
        world, "orders", signed(world, claims(world, "orders", iss="https://evil.example"))
    )


@pytest.mark.parametrize("gone", ["exp", "iat", "nbf", "jti", "aud", "sub", "act", "scope"])
def test_a_token_without_a_claim_is_refused(world: ToolWorld, gone: str) -> None:
    content = claims(world, "orders")
    del content[gone]
    refused_everywhere(world, "orders", signed(world, content))


def test_a_token_of_a_long_life_is_refused(world: ToolWorld) -> None:
    content = claims(world, "orders")
    content["exp"] += 3600
    refused_everywhere(world, "orders", signed(world, content))


def test_a_stale_token_is_refused(world: ToolWorld) -> None:
    token = world.token("orders")
    world.clock.pass_by(61)
    refused_everywhere(world, "orders", token)


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(world: ToolWorld, algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": world.key.key_id}
    content = claims(world, "orders")
    return f"{part(json.dumps(header).encode())}.{part(json.dumps(content).encode())}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_alg_none_is_refused(world: ToolWorld, algorithm: str) -> None:
    refused_everywhere(world, "orders", f"{unsigned(world, algorithm)}.")


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_a_mac_by_the_public_key_is_refused(world: ToolWorld, algorithm: str) -> None:
    """The confusion of algorithms: everybody knows the public key."""
    public = ECKey.import_key(dict(world.key.jwks()[0])).as_pem(private=False)
    text = unsigned(world, algorithm)
    mac = hmac.new(public, text.encode(), hashlib.sha256).digest()
    refused_everywhere(world, "orders", f"{text}.{part(mac)}")


def test_another_key_is_refused(world: ToolWorld) -> None:
    now = int(world.clock.now().timestamp())
    made = claims_of(world.access("orders"), issuer=ISSUER, jti="jti-x", now=now, life=60)
    refused_everywhere(world, "orders", sign(made, LocalKey()))


@pytest.mark.parametrize(
    "scope",
    ["payments:read", "orders:read payments:read", "orders:read refunds:execute", "orders:*", ""],
)
def test_a_widened_scope_is_refused(world: ToolWorld, scope: str) -> None:
    refused_everywhere(world, "orders", signed(world, claims(world, "orders", scope=scope)))


def test_a_token_without_the_scope_is_refused(world: ToolWorld) -> None:
    """Even one that is valid: the shipments' executor may not read what the tools read."""
    token = world.token("orders", scopes=("shipments:execute",), act=("settlement",))
    refused_everywhere(world, "orders", token)


def test_a_token_of_another_case_is_refused(world: ToolWorld) -> None:
    other = {"case_id": "case_2", "order_id": "ord_1002"}
    tools = world.tools("orders")
    # For this case it is none, and for its own case it shows nothing of this one.
    told = call(
        tools, "get_order", ARGUMENTS["get_order"], world.token("orders", **other), "case_1"
    )
    assert told[1] == {"error": "TokenRefusedError", "message": "the token is of another case"}
    told = call(tools, "get_order", ARGUMENTS["get_order"], world.token("orders", **other))
    assert (told[0], told[1]["error"]) == ("error", "ForeignOrderError")


def test_a_replayed_token_is_refused_whichever_way_it_comes(world: ToolWorld) -> None:
    """A token is used up for all processes: they share the record of used tokens."""
    token, front = world.token("orders"), world.front("orders")
    assert call(world.tools("orders"), "get_order", ARGUMENTS["get_order"], token)[0] == "success"
    told = call(world.tools("orders"), "get_shipments", ARGUMENTS["get_shipments"], token)
    assert told[1]["error"] == "TokenRefusedError"
    answer = front.answer(http_event("orders", tool_call("get_order"), token), None)
    told_over_http = answer_of(answer)["result"]
    assert told_over_http["isError"] is True
    assert told_over_http["structuredContent"]["error"] == "TokenRefusedError"


def test_a_token_is_used_up_by_a_call_that_fails(world: ToolWorld) -> None:
    token, tools = world.token("orders"), world.tools("orders")
    assert call(tools, "get_order", {"order_id": 3}, token)[1]["error"] == "InvalidInputError"
    told = call(tools, "get_order", ARGUMENTS["get_order"], token)
    assert told[1]["error"] == "TokenRefusedError"


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_token_is_told_or_logged(
    world: ToolWorld, domain: DomainName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    name = A_TOOL[domain]
    tools, front = world.tools(domain), world.front(domain)
    token, replayed = world.token(domain), world.token(domain)
    told: list[Any] = [
        call(tools, name, ARGUMENTS[name], token),
        call(tools, name, {}, replayed),
        call(tools, name, ARGUMENTS[name], replayed),
        front.answer(http_event(domain, tool_call(name), world.token(domain)), None),
        front.answer(http_event(domain, {"x": token}, token), None),
    ]
    everything = json.dumps(told) + caplog.text
    for record in caplog.records:
        everything += str(record.__dict__)
    assert "eyJ" not in everything
    assert READ_SCOPE[domain]
    assert AGENT_OF[domain]
