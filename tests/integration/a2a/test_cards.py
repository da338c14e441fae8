"""Agent cards: what they say, that they are signed, and that they are asked for once."""

import base64
from typing import Any

import httpx
import msgspec
import pytest
from a2a.types import AgentCard
from a2a_world import AGENTS, A2AWorld
from google.protobuf.json_format import ParseDict
from redress.a2a.signing import UntrustedCardError, check_card
from redress.adapters.local_keys import LocalKey

CARD = "/.well-known/agent-card.json"


def fetch(world: A2AWorld, domain: str = "orders", **headers: str) -> httpx.Response:
    return world.http.get(f"/a2a/{domain}{CARD}", headers=headers)


@pytest.mark.parametrize("domain", sorted(AGENTS))
def test_a_card_says_what_a_caller_needs(world: A2AWorld, domain: str) -> None:
    card = fetch(world, domain).json()
    assert card["name"] == AGENTS[domain].name  # type: ignore[index]
    assert card["version"] == "1.0.0"
    assert all(skill["examples"] and skill["tags"] for skill in card["skills"])
    assert card["defaultInputModes"] == card["defaultOutputModes"] == ["application/json"]
    assert card["capabilities"] == {
        "streaming": False,
        "pushNotifications": True,
        "extendedAgentCard": False,
    }
    offered = {(i["protocolBinding"], i["protocolVersion"]) for i in card["supportedInterfaces"]}
    assert offered == {(b, v) for b in ("JSONRPC", "HTTP+JSON") for v in ("1.0", "0.3")}
    scheme = card["securitySchemes"]["token"]["httpAuthSecurityScheme"]
    assert (scheme["scheme"], scheme["bearerFormat"]) == ("bearer", "JWT")
    assert card["securityRequirements"] == [{"schemes": {"token": {"list": [f"{domain}:read"]}}}]
    # For clients of 0.3.
    assert (card["url"], card["preferredTransport"]) == (
        f"http://agents.example/a2a/{domain}",
        "JSONRPC",
    )


def test_a_card_that_is_known_is_not_sent_again(world: A2AWorld) -> None:
    first = fetch(world)
    etag = first.headers["etag"]
    assert "max-age" in first.headers["cache-control"]
    again = fetch(world, **{"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert fetch(world, **{"If-None-Match": 'W/"other"'}).status_code == 200
    # The same for every process that serves it, though each signs anew.
    assert fetch(A2AWorld()).headers["etag"] == etag


def test_its_keys_are_beside_it(world: A2AWorld) -> None:
    (key,) = world.http.get("/a2a/orders/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"], key["kid"]) == ("EC", "P-256", world.card_key.key_id)
    assert "d" not in key


def test_the_signature_names_key_and_algorithm(world: A2AWorld) -> None:
    (signature,) = fetch(world).json()["signatures"]
    padded = signature["protected"] + "=" * (-len(signature["protected"]) % 4)
    header = msgspec.json.decode(base64.urlsafe_b64decode(padded))
    assert header == {"typ": "JOSE", "alg": "ES256", "kid": world.card_key.key_id}


def test_a_signed_card_is_believed(world: A2AWorld) -> None:
    found = fetch(world).json()
    assert check_card(found, world.card_key).name == found["name"]


def forged(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (signature,) = card["signatures"]
    elsewhere = [{**i, "url": "https://evil.example/"} for i in card["supportedInterfaces"]]
    other = ParseDict(card, AgentCard(), ignore_unknown_fields=True)
    assert other.name
    # {"alg":"none"}, and HS256 with the right key id.
    none = {**signature, "protected": "eyJhbGciOiJub25lIn0", "signature": ""}
    return {
        "another url": {**card, "supportedInterfaces": elsewhere},
        "another name": {**card, "name": "Evil"},
        "another skill": {**card, "skills": card["skills"][:1]},
        "no signature": {key: value for key, value in card.items() if key != "signatures"},
        "empty signature": {**card, "signatures": [{**signature, "signature": ""}]},
        "alg none": {**card, "signatures": [none]},
        "garbage": {**card, "signatures": [{"protected": "x", "signature": "y"}]},
        "malformed": {**card, "skills": "all"},
    }


@pytest.mark.parametrize("which", sorted(forged(fetch(A2AWorld()).json())))
def test_other_cards_are_not_believed(world: A2AWorld, which: str) -> None:
    with pytest.raises(UntrustedCardError):
        check_card(forged(fetch(world).json())[which], world.card_key)


def test_a_card_of_another_key_is_not_believed(world: A2AWorld) -> None:
    card = fetch(world).json()
    with pytest.raises(UntrustedCardError):
        check_card(card, LocalKey())
    # The key of tokens is not the key of cards.
    with pytest.raises(UntrustedCardError):
        check_card(card, world.key)
