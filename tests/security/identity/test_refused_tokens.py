"""Tokens that must not be taken: forged, widened, stale, of others, used before."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_world import ACCESS, ISSUER, NOW, Identity
from joserfc.jwk import ECKey
from redress.adapters.local_keys import LocalKey
from redress.errors import TokenRefusedError
from redress.identity.replay import ReplayGuard
from redress.identity.tokens import Verifier, claims_of, sign_jws
from redress.models.base import dump

AUDIENCE = "redress:payments:tools"
AT = int(NOW.timestamp())


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, some of them changed; None leaves one out."""
    made = dump(claims_of(ACCESS, issuer=ISSUER, jti="jti_1", now=AT, life=60))
    return {name: value for name, value in {**made, **changed}.items() if value is not None}


def signed(identity: Identity, content: Any, key: LocalKey | None = None, **header: Any) -> str:
    """Sign as the issuer would."""
    return sign_jws({"typ": "at+jwt", **header}, json.dumps(content).encode(), key or identity.key)


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def verify(identity: Identity, token: str, case_id: str | None = "case_1") -> Any:
    return identity.verifier(AUDIENCE).verify(token, case_id)


def test_the_helper_makes_a_good_token() -> None:
    """Else all that follows could be refused for another reason."""
    identity = Identity()
    assert verify(identity, signed(identity, claims())) == ACCESS


@pytest.mark.parametrize("name", sorted(claims()))
def test_every_claim_is_needed(name: str) -> None:
    identity = Identity()
    with pytest.raises(TokenRefusedError):
        verify(identity, signed(identity, claims(**{name: None})))


OTHER_CASE = {**claims()["authorization_details"][0], "case_id": "case_2"}


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": AT},
        {"exp": AT - 1},
        {"exp": AT + 61},
        {"exp": AT + 10**9},
        {"exp": True},
        {"exp": "never"},
        {"exp": 1e400},
        {"nbf": AT + 30},
        {"nbf": AT - 10},
        {"iat": AT + 30},
        {"iat": AT - 3_600, "nbf": AT - 3_600},
        {"iss": "https://evil.test"},
        {"iss": f"{ISSUER}/"},
        {"aud": "redress:orders:tools"},
        {"aud": "redress:payments:agent"},
        {"aud": [AUDIENCE, "redress:orders:tools"]},
        {"scope": ""},
        {"scope": "payments:read orders:read"},
        {"scope": "payments:read refunds:execute"},
        {"scope": "refunds:execute"},
        {"scope": "payments:*"},
        {"scope": "orders:read", "client_id": "orders-agent", "act": {"sub": "orders-agent"}},
        {"client_id": "settlement"},
        {"client_id": "settlement", "act": {"sub": "settlement"}, "scope": "refunds:execute"},
        {"act": {}},
        {"act": {"sub": "somebody"}},
        {"act": {"sub": "payments-agent", "act": {"sub": "admin"}}},
        {"act": {"sub": "payments-agent", "act": "orchestrator"}},
        {"act": {"sub": "payments-agent", "role": "admin"}},
        {"authorization_details": []},
        {"authorization_details": [OTHER_CASE]},
        {"authorization_details": [*claims()["authorization_details"], OTHER_CASE]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "type": "admin"}]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "extra": 1}]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "sku_digests": "short"}]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "sku_digests": "a+/=" * 2}]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "sku_digests": None}]},
        {"authorization_details": [{**OTHER_CASE, "case_id": "case_1", "sku_digests": "a" * 4008}]},
        {"admin": True},
    ],
    ids=lambda changed: json.dumps(changed)[:60],
)
def test_a_claim_that_is_wrong(changed: dict[str, Any]) -> None:
    identity = Identity()
    with pytest.raises(TokenRefusedError):
        verify(identity, signed(identity, claims(**changed)))


def unsigned(identity: Identity) -> str:
    head = {"alg": "none", "typ": "at+jwt", "kid": identity.key.key_id}
    return f"{encoded(head)}.{encoded(claims())}."


def unsigned_with_the_right_name(identity: Identity) -> str:
    head, payload, _ = signed(identity, claims()).split(".")
    return f"{head}.{payload}."


def by_the_public_key_as_a_secret(identity: Identity, alg: str = "HS256") -> str:
    """The public key is no secret, but HMAC would take it for one."""
    (public,) = identity.key.jwks()
    secret = ECKey.import_key(dict(public)).as_pem(private=False)
    head = {"alg": alg, "typ": "at+jwt", "kid": identity.key.key_id}
    text = f"{encoded(head)}.{encoded(claims())}"
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def by_hmac_that_calls_itself_es256(identity: Identity) -> str:
    return by_the_public_key_as_a_secret(identity, "ES256")


def by_another_key(identity: Identity) -> str:
    return signed(identity, claims(), LocalKey())


def by_another_key_with_our_id(identity: Identity) -> str:
    class Impostor(LocalKey):
        key_id = identity.key.key_id

    return signed(identity, claims(), Impostor())


def with_its_own_key_in_the_header(identity: Identity) -> str:
    own = LocalKey()
    return signed(identity, claims(), own, jwk=dict(own.jwks()[0]))


def with_an_address_of_keys(identity: Identity) -> str:
    return signed(identity, claims(), jku="https://evil.test/keys")


def with_a_critical_extension(identity: Identity) -> str:
    return signed(identity, claims(), crit=["b64"], b64=False)


def of_another_type(identity: Identity) -> str:
    """An agent card, say, signed by the same key."""
    return signed(identity, claims(), typ="JOSE")


def with_a_changed_payload(identity: Identity) -> str:
    head, _, signature = signed(identity, claims()).split(".")
    return f"{head}.{encoded(claims(scope='payments:read', sub='cus_2'))}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        unsigned_with_the_right_name,
        by_the_public_key_as_a_secret,
        by_hmac_that_calls_itself_es256,
        by_another_key,
        by_another_key_with_our_id,
        with_its_own_key_in_the_header,
        with_an_address_of_keys,
        with_a_critical_extension,
        of_another_type,
        with_a_changed_payload,
        lambda _: "",
        lambda _: "....",
        lambda _: "e30.e30.e30",
        lambda identity: signed(identity, []),
        lambda identity: signed(identity, "x"),
        lambda identity: signed(identity, claims(sub="x" * 9_000)),
        lambda identity: signed(identity, claims()) + "é",
        lambda identity: sign_jws({"typ": "at+jwt"}, b"\xff\xfe{", identity.key),
        lambda identity: sign_jws({"typ": "at+jwt"}, b"[" * 4_000, identity.key),
    ],
)
def test_a_forged_token(forge: Callable[[Identity], str]) -> None:
    identity = Identity()
    with pytest.raises(TokenRefusedError):
        verify(identity, forge(identity))


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_noise_is_no_token(text: str) -> None:
    with pytest.raises(TokenRefusedError):
        verify(Identity(), text)


def test_a_token_works_once_at_its_audience() -> None:
    identity = Identity()
    token = signed(identity, claims())
    assert verify(identity, token) == ACCESS
    with pytest.raises(TokenRefusedError, match="before"):
        verify(identity, token)
    # Another process over the same store knows, too, and a second signature makes it no new one.
    again = Verifier(
        identity.key, ISSUER, AUDIENCE, identity.clock, ReplayGuard(identity.tasks, AUDIENCE)
    )
    with pytest.raises(TokenRefusedError, match="before"):
        again.verify(signed(identity, claims()), "case_1")


def test_a_refused_token_is_not_used_up() -> None:
    identity = Identity()
    token = signed(identity, claims())
    with pytest.raises(TokenRefusedError, match="another case"):
        verify(identity, token, "case_2")
    with pytest.raises(TokenRefusedError, match="this is"):
        identity.verifier("redress:orders:tools").verify(token)
    assert verify(identity, token) == ACCESS
