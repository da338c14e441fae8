"""CORS headers."""

import pytest
from redress_local.front.cors import is_preflight, preflight, simple
from redress_local.front.models import Cors

ORIGIN = "https://shop.example"
ASKED = {"origin": ORIGIN, "access-control-request-method": "PUT"}


@pytest.mark.parametrize(
    ("allowed", "credentials", "expected"),
    [
        ("*", False, "*"),
        (ORIGIN, False, ORIGIN),
        ("HTTPS://SHOP.example", False, ORIGIN),
        ("https://*", False, ORIGIN),
        ("http://*", False, None),
        ("https://shop", False, None),
        ("", False, None),
        (ORIGIN, True, ORIGIN),
    ],
)
def test_origins(allowed: str, credentials: bool, expected: str | None) -> None:
    cors = Cors(allow_origins=(allowed,), allow_credentials=credentials)
    headers = dict(simple(cors, {"origin": ORIGIN}))
    assert headers.get("access-control-allow-origin") == expected
    assert headers.get("access-control-allow-credentials") == ("true" if credentials else None)
    assert simple(cors, {}) == []


def test_a_method_that_is_not_allowed() -> None:
    cors = Cors(allow_origins=("*",), allow_methods=("GET",))
    assert "access-control-allow-methods" not in dict(preflight(cors, ASKED))
    every = Cors(allow_origins=("*",), allow_methods=("*",))
    assert dict(preflight(every, ASKED))["access-control-allow-methods"] == "*"


def test_what_a_preflight_is() -> None:
    assert is_preflight("OPTIONS", ASKED)
    assert not is_preflight("GET", ASKED)
    assert not is_preflight("OPTIONS", {"origin": ORIGIN})
    assert not is_preflight("OPTIONS", {"access-control-request-method": "PUT"})
