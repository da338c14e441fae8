"""The JWT authorizer and the issuer over a real server: whom they let in, and every way round."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from redress_local.front.issuer import Issuer, UserPool

Forge = Callable[[Any], str]
READ = ["redress/read"]
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Local0001"


def _ask(front: Any, token: str | None, path: str = "/cases/7") -> httpx.Response:
    headers = {} if token is None else {"authorization": token}
    return httpx.get(front.url + path, headers=headers)


def _key(front: Any, algorithm: str = "RS256") -> Any:
    return next(key for key in front.issuer.keys().values() if key.alg == algorithm)


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": "customer-1",
        "iss": ISSUER,
        "client_id": "web-client",
        "scope": "redress/read",
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _signed(front: Any, claims: dict[str, Any], algorithm: str = "RS256", **header: Any) -> str:
    key = _key(front, algorithm)
    return jwt.encode(
        {"alg": algorithm, "kid": key.kid, **header}, claims, key, algorithms=[algorithm]
    )


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(header: dict[str, Any], signature: str = "") -> str:
    return ".".join(
        [_b64(json.dumps(header).encode()), _b64(json.dumps(_claims()).encode()), signature]
    )


def _hs256(front: Any, secret: bytes) -> str:
    # By hand: the library refuses to sign with a public key.
    text = _unsigned({"alg": "HS256", "typ": "JWT", "kid": _key(front).kid}).rstrip(".")
    return f"{text}.{_b64(hmac.digest(secret, text.encode(), 'sha256'))}"


def _critical(front: Any) -> str:
    header = {"alg": "RS256", "kid": _key(front).kid, "crit": ["x"], "x": 1}
    text = _unsigned(header).rstrip(".")
    signature = _key(front).private_key.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{_b64(signature)}"


def _tampered(front: Any) -> str:
    head, _, signature = _signed(front, _claims()).split(".")
    return f"{head}.{_b64(json.dumps(_claims(sub='somebody-else')).encode())}.{signature}"


def _own_key(front: Any, **header: Any) -> str:
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", **header}, _claims(), key, algorithms=["RS256"])


def _embedded_key(front: Any) -> str:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "kid": _key(front).kid, "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(_claims()).encode(), key, ["RS256"])


NOW = time.time
ATTACKS: dict[str, Forge] = {
    "alg none": lambda f: _unsigned({"alg": "none", "kid": _key(f).kid}),
    "alg None": lambda f: _unsigned({"alg": "None", "kid": _key(f).kid}),
    "alg none with a signature": lambda f: _unsigned({"alg": "none", "kid": _key(f).kid}, "AAAA"),
    "no alg": lambda f: _unsigned({"kid": _key(f).kid}),
    "RS256 without a signature": lambda f: _unsigned({"alg": "RS256", "kid": _key(f).kid}),
    "HS256 with the public key as PEM": lambda f: _hs256(f, _key(f).as_pem(private=False)),
    "HS256 with the public key as DER": lambda f: _hs256(f, _key(f).as_der(private=False)),
    "HS256 with an empty-looking key": lambda f: _hs256(f, b"\0" * 32),
    "ES256 named, RS256 key": lambda f: _signed(f, _claims(), "ES256", kid=_key(f, "RS256").kid),
    "RS256 named, ES256 key": lambda f: _signed(f, _claims(), kid=_key(f, "ES256").kid),
    "an unknown kid": lambda f: _signed(f, _claims(), kid="elsewhere"),
    "a kid that is a path": lambda f: _signed(f, _claims(), kid="../../dev/null"),
    "no kid": lambda f: _own_key(f),
    "another key under our kid": lambda f: _own_key(f, kid=_key(f).kid),
    "a key inside the header": _embedded_key,
    "another issuer": lambda f: _signed(f, _claims(iss="https://evil.example")),
    "our issuer with a slash": lambda f: _signed(f, _claims(iss=ISSUER + "/")),
    "an issuer that is a list": lambda f: _signed(f, _claims(iss=[ISSUER])),
    "no issuer": lambda f: _signed(f, _claims(iss=None)),
    "another client": lambda f: _signed(f, _claims(client_id="job-client")),
    "another audience": lambda f: _signed(f, _claims(aud="elsewhere")),
    "another audience in a list": lambda f: _signed(f, _claims(aud=["elsewhere", 7, None])),
    "no audience": lambda f: _signed(f, _claims(client_id=None)),
    "expired": lambda f: _signed(f, _claims(exp=int(NOW()) - 1)),
    "no exp": lambda f: _signed(f, _claims(exp=None)),
    "exp as text": lambda f: _signed(f, _claims(exp=str(int(NOW()) + 60))),
    "exp true": lambda f: _signed(f, _claims(exp=True)),
    "exp beyond all time": lambda f: _signed(f, _claims(exp=10**400)),
    "exp infinite": lambda f: _signed(f, _claims(exp=float("inf"))),
    "not valid yet": lambda f: _signed(f, _claims(nbf=int(NOW()) + 60)),
    "nbf as text": lambda f: _signed(f, _claims(nbf="soon")),
    "issued in the future": lambda f: _signed(f, _claims(iat=int(NOW()) + 60)),
    "no iat": lambda f: _signed(f, _claims(iat=None)),
    "tampered": _tampered,
    "cut": lambda f: _signed(f, _claims())[:-8],
    "a dot too many": lambda f: _signed(f, _claims()) + ".x",
    "oversized": lambda f: _signed(f, _claims(extra="x" * 7000)),
    "a critical extension": _critical,
    "not a token": lambda f: "hello",
    "nothing": lambda f: "",
    "dots": lambda f: "..",
    "five parts": lambda f: "a.b.c.d.e",
    "nested arrays": lambda f: f"{_b64(b'[' * 3000)}.e30.AA",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_bad_token_is_refused(attack: str, front: Any) -> None:
    answer = _ask(front, f"Bearer {ATTACKS[attack](front)}".strip())
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert front.functions.events == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_forged_tokens_differ_from_a_good_one_in_one_thing(algorithm: str, front: Any) -> None:
    assert _ask(front, f"Bearer {_signed(front, _claims(), algorithm)}").status_code == 200


def test_no_token(front: Any) -> None:
    answer = _ask(front, None)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_tokens_are_none(front: Any) -> None:
    token = front.issuer.mint(scopes=READ)
    headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    assert httpx.get(f"{front.url}/cases/7", headers=headers).status_code == 401


def test_a_token_without_one_of_the_scopes_is_forbidden(front: Any) -> None:
    for scopes in (["redress/write"], []):
        answer = _ask(front, f"Bearer {front.issuer.mint(scopes=scopes)}")
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert front.functions.events == []


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "redress/admin other"},
        {"scope": None, "scp": ["redress/read"]},
        {"scope": None, "scp": "redress/read"},
        {"aud": ["x", "web-client"], "client_id": None},
    ],
)
def test_any_of_the_scopes_is_enough(claims: dict[str, Any], front: Any) -> None:
    assert _ask(front, f"Bearer {_signed(front, _claims(**claims))}").status_code == 200


def test_the_function_learns_who_asks(front: Any) -> None:
    token = front.issuer.mint(
        scopes=READ, sub="customer-9", groups=["a", "b"], claims={"custom:tier": 3, "flag": True}
    )
    assert _ask(front, f"bearer {token}").status_code == 200
    (event,) = front.functions.of("show")
    found = event["requestContext"]["authorizer"]["jwt"]
    assert found["scopes"] == READ
    assert found["claims"]["sub"] == found["claims"]["username"] == "customer-9"
    assert found["claims"]["cognito:groups"] == "[a b]"
    assert found["claims"]["custom:tier"] == "3"
    assert found["claims"]["flag"] == "true"
    assert found["claims"]["token_use"] == "access"
    assert found["claims"]["exp"].isdecimal()


def test_a_route_without_scopes_takes_any_good_token(front: Any) -> None:
    token = front.issuer.mint(scopes=[])
    assert _ask(front, f"Bearer {token}", "/me").status_code == 200
    assert front.functions.of("me")[0]["requestContext"]["authorizer"]["jwt"]["scopes"] is None


def test_a_token_ends_with_its_time(front: Any) -> None:
    token = f"Bearer {front.issuer.mint(scopes=READ, ttl=30)}"
    assert _ask(front, token).status_code == 200
    front.clock.added = 31
    assert _ask(front, token).status_code == 401


def test_a_token_of_another_issuer_with_the_same_names_is_refused(front: Any) -> None:
    other = Issuer()
    other.register(
        UserPool(**{f: getattr(front.issuer.pool(), f) for f in UserPool.__struct_fields__})
    )
    assert _ask(front, f"Bearer {other.mint(scopes=READ)}").status_code == 401


def test_the_published_keys_verify_tokens_and_hold_nothing_private(front: Any) -> None:
    pool = front.issuer.pool()
    configuration = httpx.get(f"{front.url}/{pool.pool_id}/.well-known/openid-configuration").json()
    assert configuration["issuer"] == pool.issuer
    keys = httpx.get(configuration["jwks_uri"]).json()
    assert keys == httpx.get(f"{front.url}/.well-known/jwks.json").json()
    kinds = {"RSA": RSAKey, "EC": ECKey}
    for document in keys["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(document)
    token = front.issuer.mint()
    document = keys["keys"][0]
    key = kinds[document["kty"]].import_key(document)
    assert jwt.decode(token, key, algorithms=["RS256"]).claims["iss"] == pool.issuer
    assert httpx.get(f"{front.url}/nobody/.well-known/jwks.json").status_code == 404


def _client_credentials(front: Any, **fields: Any) -> httpx.Response:
    form = {"grant_type": "client_credentials"} | fields
    return httpx.post(f"{front.url}/oauth2/token", data=form)


def test_client_credentials(front: Any) -> None:
    answer = httpx.post(
        f"{front.url}/oauth2/token",
        data={"grant_type": "client_credentials", "scope": "redress/read"},
        auth=("job-client", "s3cret"),
    )
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 3600
    claims = json.loads(
        base64.urlsafe_b64decode(answer.json()["access_token"].split(".")[1] + "==")
    )
    assert (claims["sub"], claims["scope"]) == ("job-client", "redress/read")
    posted = _client_credentials(front, client_id="job-client", client_secret="s3cret")
    assert posted.status_code == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_id": "job-client", "client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "job-client"}, "invalid_client"),
        ({"client_id": "web-client", "client_secret": ""}, "invalid_client"),
        ({"client_id": "web-client", "client_secret": "None"}, "invalid_client"),
        ({"client_id": "nobody", "client_secret": "é"}, "invalid_client"),
        (
            {"client_id": "job-client", "client_secret": "s3cret", "scope": "redress/write"},
            "invalid_scope",
        ),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ["client_credentials", "password"]}, "invalid_request"),
    ],
)
def test_client_credentials_refused(fields: dict[str, Any], error: str, front: Any) -> None:
    answer = _client_credentials(front, **fields)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize("content", [b"\xff\xff", b"a=1&" * 50, b"x" * 20_000])
def test_a_malformed_token_request(content: bytes, front: Any) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{front.url}/oauth2/token", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
