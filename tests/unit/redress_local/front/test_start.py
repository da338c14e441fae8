"""What the front does not serve stops it at its start, by name."""

from pathlib import Path
from typing import Any

import pytest
from redress_local.front.http_front import HttpFront
from redress_local.front.issuer import Client, Issuer, IssuerError, UserPool
from redress_local.front.key_files import KeyFileError
from redress_local.front.models import (
    HttpApi,
    HttpRoute,
    JwtAuthorizer,
    Stage,
    UnsupportedApiError,
    WebSocketApi,
    WebSocketRoute,
)
from redress_local.front.websocket_front import WebSocketFront

POOL = UserPool(pool_id="p_1", region="us-east-1", clients=(Client(client_id="c"),), scopes=("s",))
IDENTITY: dict[str, Any] = {"api_id": "a", "name": "Api", "account": "0", "region": "us-east-1"}
GOOD = JwtAuthorizer(name="Customers", issuer=POOL.issuer, audience=("c",))


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    issuer = Issuer()
    issuer.register(POOL)
    return issuer


def _never(arn: str, payload: bytes) -> Any:
    raise AssertionError


def _http(issuer: Issuer, **fields: Any) -> HttpFront:
    route = HttpRoute(route_key="GET /a", function_arn="f", **fields)
    return HttpFront([HttpApi(**IDENTITY, routes=(route,))], _never, issuer)


def _jwt(**fields: Any) -> dict[str, Any]:
    wanted = {"name": "Customers", "issuer": POOL.issuer, "audience": ("c",), **fields}
    return {"authorization_type": "JWT", "authorizer": JwtAuthorizer(**wanted)}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"authorization_type": "AWS_IAM"}, "GET /a: authorization AWS_IAM"),
        ({"authorization_type": "CUSTOM"}, "GET /a: authorization CUSTOM"),
        ({"authorization_type": "JWT"}, "GET /a: authorization JWT"),
        ({"authorization_type": ""}, "GET /a: authorization"),
        ({"authorization_type": "NONE", "authorizer": GOOD}, "GET /a: authorization NONE"),
        ({"authorization_type": "NONE", "scopes": ("s",)}, "GET /a: authorization NONE"),
        ({"payload_version": "1.0"}, "payload format 1.0"),
        (_jwt(issuer="https://login.example/"), "https://login.example/ is no user pool"),
        (_jwt(issuer=POOL.issuer + "/"), "is no user pool"),
        (_jwt(audience=()), "names no audience"),
        (_jwt(identity_source="$context.x"), "identity source"),
    ],
)
def test_http(fields: dict[str, Any], told: str, issuer: Issuer) -> None:
    with pytest.raises(UnsupportedApiError, match=told.replace("$", r"\$")):
        _http(issuer, **fields)


def test_what_is_served(issuer: Issuer) -> None:
    _http(issuer).close()
    _http(issuer, **_jwt(), scopes=("s",)).close()


def test_a_pool_that_is_not_registered_vouches_for_nothing() -> None:
    with pytest.raises(UnsupportedApiError, match="is no user pool"):
        _http(Issuer(), **_jwt())


@pytest.mark.parametrize(
    ("expression", "authorization", "told"),
    [
        ("$request.header.x", "NONE", "selection expression"),
        ("$request.body", "NONE", "selection expression"),
        ("${request.body.a}/${request.body.b}", "NONE", "selection expression"),
        ("$request.body.action", "CUSTOM", r"\$connect: authorization CUSTOM"),
    ],
)
def test_websocket(expression: str, authorization: str, told: str) -> None:
    api = WebSocketApi(
        **IDENTITY,
        routes=(
            WebSocketRoute(
                route_key="$connect", function_arn="f", authorization_type=authorization
            ),
        ),
        stages=(Stage(name="live"),),
        route_selection_expression=expression,
    )
    with pytest.raises(UnsupportedApiError, match=told):
        WebSocketFront([api], _never)


def test_keys_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = Issuer(folder=folder)
    assert Issuer(folder=folder).jwks() == first.jwks() != Issuer().jwks()
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["issuer-es256.pem", "issuer-rs256.pem"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert folder.stat().st_mode & 0o077 == 0
    files[0].chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Issuer(folder=folder)
    files[0].chmod(0o600)
    for content in (b"", b"nonsense", files[1].read_bytes()):
        files[0].write_bytes(content)
        with pytest.raises(KeyFileError, match="holds no"):
            Issuer(folder=folder)


def test_without_a_pool_or_a_client_there_is_no_token() -> None:
    issuer = Issuer()
    with pytest.raises(IssuerError, match="no user pool"):
        issuer.mint()
    issuer.register(UserPool(pool_id="p", region="r", clients=()))
    with pytest.raises(IssuerError, match="no client"):
        issuer.mint()
