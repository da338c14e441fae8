"""AgentCore Identity behind the port TokenBroker, held against the service's own model."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from redress.adapters.aws.agentcore_identity import AgentCoreTokenBroker
from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    InvalidInputError,
    RedressError,
    TokenRefusedError,
)
from redress.models.identity import ExchangeRequest

NOW = 1_772_452_800
REQUEST = ExchangeRequest(
    workload="orders-agent",
    audience="redress:orders:tools",
    scope=("orders:read",),
    case_id="case_1",
    subject_token="user.jwt.signature",
)
FOR_JWT = {"workloadName": "redress-orders", "userToken": "user.jwt.signature"}
ON_BEHALF = {
    "workloadIdentityToken": "workload-token",
    "resourceCredentialProviderName": "redress-tokens",
    "scopes": ["orders:read"],
    "oauth2Flow": "ON_BEHALF_OF_TOKEN_EXCHANGE",
    "audiences": ["redress:orders:tools"],
    "customParameters": {
        "authorization_details": '[{"type": "redress_case", "case_id": "case_1"}]'
    },
}


def jwt(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"header.{payload}.signature"


TOKEN = jwt({"exp": NOW + 55, "scope": "orders:read", "iss": "https://tokens"})


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client(
        "bedrock-agentcore",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def broker(stub: Stubber) -> AgentCoreTokenBroker:
    return AgentCoreTokenBroker(
        {"orders-agent": "redress-orders"}, "redress-tokens", stub.client, lambda: NOW
    )


def test_on_behalf_of_the_user(stub: Stubber, broker: AgentCoreTokenBroker) -> None:
    stub.add_response(
        "get_workload_access_token_for_jwt", {"workloadAccessToken": "workload-token"}, FOR_JWT
    )
    stub.add_response("get_resource_oauth2_token", {"accessToken": TOKEN}, ON_BEHALF)
    issued = broker.exchange(REQUEST)
    assert (issued.access_token, issued.expires_in) == (TOKEN, 55)
    assert issued.scope == ("orders:read",)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"authorizationUrl": "https://consent", "sessionStatus": "IN_PROGRESS"}, "consented"),
        ({"accessToken": jwt({"exp": NOW, "scope": "payments:read"})}, "nothing"),
        ({"accessToken": jwt({"exp": NOW, "scope": "refunds:execute"})}, "nothing"),
    ],
)
def test_nothing_is_given(
    stub: Stubber, broker: AgentCoreTokenBroker, answer: dict[str, str], error: str
) -> None:
    stub.add_response("get_workload_access_token_for_jwt", {"workloadAccessToken": "w"})
    stub.add_response("get_resource_oauth2_token", answer)
    with pytest.raises(AccessDeniedError, match=error):
        broker.exchange(REQUEST)


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "..", jwt([]), jwt({"exp": "soon"})])
def test_what_is_no_token_of_ours(stub: Stubber, broker: AgentCoreTokenBroker, token: str) -> None:
    stub.add_response("get_workload_access_token_for_jwt", {"workloadAccessToken": "w"})
    stub.add_response("get_resource_oauth2_token", {"accessToken": token})
    with pytest.raises(DependencyUnavailableError, match="no JWT"):
        broker.exchange(REQUEST)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("UnauthorizedException", TokenRefusedError),
        ("AccessDeniedException", AccessDeniedError),
        ("ValidationException", InvalidInputError),
        ("ResourceNotFoundException", DependencyUnavailableError),
        ("ThrottlingException", DependencyUnavailableError),
        ("InternalServerException", DependencyUnavailableError),
    ],
)
@pytest.mark.parametrize("second", [False, True])
def test_its_errors(
    stub: Stubber,
    broker: AgentCoreTokenBroker,
    code: str,
    error: type[RedressError],
    second: bool,
) -> None:
    if second:
        stub.add_response("get_workload_access_token_for_jwt", {"workloadAccessToken": "w"})
        stub.add_client_error("get_resource_oauth2_token", code)
    else:
        stub.add_client_error("get_workload_access_token_for_jwt", code)
    with pytest.raises(error):
        broker.exchange(REQUEST)


@pytest.mark.parametrize(
    "changed", [{"subject_token": None, "grant_id": "grant_1"}, {"workload": "payments-agent"}]
)
def test_a_user_s_token_and_a_known_workload_are_needed(
    broker: AgentCoreTokenBroker, changed: Any
) -> None:
    import msgspec

    with pytest.raises(AccessDeniedError):
        broker.exchange(msgspec.structs.replace(REQUEST, **changed))
