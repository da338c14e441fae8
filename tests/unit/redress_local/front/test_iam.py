"""Routes with IAM authorization: the function is told whose key signed, and by nothing else."""

import json
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import serve
from redress_local.front.http_front import HttpFront
from redress_local.front.iam import Caller, function_named
from redress_local.front.issuer import Issuer
from redress_local.front.models import HttpApi, HttpRoute
from starlette.testclient import TestClient

ROLE = "arn:aws:sts::000000000000:assumed-role/worker/function"
URL = "http://localhost/oauth/token"


class Answer(NamedTuple):
    payload: bytes
    function_error: str | None = None


class World:
    """A front with one signed and one open route, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        routes = (
            HttpRoute(
                route_key="POST /oauth/token", function_arn="f", authorization_type="AWS_IAM"
            ),
            HttpRoute(route_key="GET /.well-known/jwks.json", function_arn="f"),
        )
        api = HttpApi(
            api_id="abc", name="Api", account="000000000000", region="us-east-1", routes=routes
        )
        self.front = HttpFront([api], self.invoke, Issuer(), callers=self.caller)

    def invoke(self, arn: str, payload: bytes) -> Any:
        event = json.loads(payload)
        body = json.dumps(event["requestContext"].get("authorizer"))
        return Answer(json.dumps({"statusCode": 200, "body": body}).encode())

    def caller(self, access_key_id: str, user_agent: str, resource: str) -> Caller:
        self.asked.append((access_key_id, user_agent, resource))
        return Caller(account="000000000000", arn=ROLE, identity="AROA:function")


@pytest.fixture
def world() -> World:
    return World()


def signed(service: str = "execute-api", url: str = URL) -> dict[str, str]:
    request = AWSRequest("POST", url, data=b"a=b")
    SigV4Auth(Credentials("AKIAWORKER", "secret"), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_who_signed_is_told(world: World) -> None:
    answer = TestClient(world.front, "http://localhost").post(
        "/oauth/token", content=b"a=b", headers=signed() | {"User-Agent": "redress/Worker"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["iam"]["userArn"] == ROLE
    assert answer.json()["iam"]["accessKey"] == "AKIAWORKER"
    arn = "arn:aws:execute-api:us-east-1:000000000000:abc/$default/POST/oauth/token"
    assert world.asked == [("AKIAWORKER", "redress/Worker", arn)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAWORKER"},
        {"Authorization": signed()["Authorization"] + " more"},
        signed("lambda"),
    ],
)
def test_who_did_not_sign_is_refused(world: World, headers: dict[str, str]) -> None:
    answer = TestClient(world.front, "http://localhost").post(
        "/oauth/token", content=b"a=b", headers=headers
    )
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert world.asked == []


def test_an_open_route_knows_nobody(world: World) -> None:
    answer = TestClient(world.front, "http://localhost").get(
        "/.well-known/jwks.json", headers=signed()
    )
    assert (answer.status_code, answer.json(), world.asked) == (200, None, [])


def test_the_gateway_leads_what_is_signed_for_an_api_to_its_route(world: World) -> None:
    import urllib.request

    routes = Routes(http=world.front, serves=world.front.serves)
    with serve(Gateway(routes)) as server:
        url = f"{server.url}/oauth/token"
        request = urllib.request.Request(url, b"a=b", signed(url=url))
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["iam"]["userArn"] == ROLE
        # The template's own route, not the local user pool's.
        with urllib.request.urlopen(f"{server.url}/.well-known/jwks.json") as answer:
            assert json.load(answer) is None


@pytest.mark.parametrize(
    ("user_agent", "named"),
    [
        ("redress/RunOrdersAgentFunction", "RunOrdersAgentFunction"),
        ("redress/", ""),
        ("redress", ""),
        ("redress/A B", ""),
        ("Boto3/1.40 redress/A", ""),
        ("redress/" + "a" * 141, ""),
    ],
)
def test_a_user_agent_may_name_a_function(user_agent: str, named: str) -> None:
    assert function_named(user_agent) == named
