"""The issuer's public keys, and its discovery document."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redress.adapters.local_keys import LocalKey
from redress.api.show_keys import show_keys
from redress.errors import DependencyUnavailableError

EVENTS = Path(__file__).parents[4] / "events"
ISSUER = "https://t1o2k3e4n5.execute-api.us-east-1.amazonaws.com"


def told(path: str, keys: Any, **changed: Any) -> tuple[int, Any]:
    event = json.loads((EVENTS / "show_keys.json").read_text("utf-8"))
    answer = show_keys({**event, "rawPath": path, **changed}, keys)
    return answer["statusCode"], json.loads(answer["body"])


def test_the_public_keys() -> None:
    key = LocalKey()
    assert told("/.well-known/jwks.json", key) == (200, {"keys": [key.jwks()[0]]})


def test_where_everything_is() -> None:
    status, body = told("/.well-known/openid-configuration", LocalKey())
    assert (status, body["issuer"]) == (200, ISSUER)
    assert body["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert body["token_endpoint"] == f"{ISSUER}/oauth/token"


def test_an_issuer_that_does_not_know_its_address() -> None:
    path = "/.well-known/openid-configuration"
    status, body = told(path, LocalKey(), stageVariables={})
    assert (status, body["error"]) == (503, "DependencyUnavailableError")


def test_keys_that_cannot_be_read() -> None:
    class Away:
        def jwks(self) -> Sequence[Mapping[str, str]]:
            raise DependencyUnavailableError("no answer")

    assert told("/.well-known/jwks.json", Away())[0] == 503
