"""POST /oauth/token and the issuer's keys: who may get which token, and what anybody is told."""

import base64
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import Credentials
from botocore.exceptions import ConnectTimeoutError

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))

from identity_world import ACCESS, ISSUER, Identity
from redress.adapters.aws.token_exchange import HttpTokenBroker
from redress.api.exchange_token import exchange_token
from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    InvalidInputError,
    RedressError,
    TokenRefusedError,
)
from redress.identity.exchange import ACCESS_TOKEN, GRANT_TYPE, JWT_SUBJECT
from redress.models.identity import ExchangeRequest

EVENTS = Path(__file__).parents[4] / "events"
ROLES = (
    "orders-agent=arn:aws:iam::123456789012:role/orders,"
    " payments-agent=arn:aws:iam::123456789012:role/agents/payments"
)
SESSION = "arn:aws:sts::123456789012:assumed-role/payments/function"
FORM = {
    "grant_type": GRANT_TYPE,
    "client_id": "payments-agent",
    "audience": "redress:payments:tools",
    "scope": "payments:read refunds:execute",
    "requested_token_type": ACCESS_TOKEN,
    "subject_token_type": "urn:redress:token-type:grant",
    "subject_token": "grant_1",
    "authorization_details": '[{"type": "redress_case", "case_id": "case_1"}]',
}


def event(form: dict[str, str] | str, caller: str = SESSION) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((EVENTS / "exchange_token.json").read_text("utf-8"))
    made["requestContext"]["authorizer"]["iam"]["userArn"] = caller
    made["stageVariables"]["issuer"] = ISSUER
    made["body"] = form if isinstance(form, str) else urlencode(form)
    return made


def exchange(identity: Identity, given: Any) -> tuple[int, dict[str, Any]]:
    def issuing(issuer: str) -> Any:
        assert issuer == ISSUER
        return identity.broker

    answer = exchange_token(given, issuing, ROLES)
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


def changed(**fields: str | None) -> dict[str, str]:
    return {name: text for name, text in {**FORM, **fields}.items() if text is not None}


def test_a_grant_for_a_token() -> None:
    identity = Identity()
    status, body = exchange(identity, event(FORM))
    assert status == 200
    token = body.pop("access_token")
    assert body == {
        "expires_in": 60,
        "scope": "payments:read",
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
    }
    assert identity.verifier("redress:payments:tools").verify(token, "case_1") == ACCESS


def test_the_body_may_be_base64() -> None:
    given = event(base64.b64encode(urlencode(FORM).encode()).decode())
    given["isBase64Encoded"] = True
    assert exchange(Identity(), given)[0] == 200


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "arn:aws:iam::123456789012:user/payments",
        "arn:aws:iam::123456789012:role/agents/payments",
        "arn:aws:sts::123456789012:assumed-role/orders/function",
        "arn:aws:sts::999999999999:assumed-role/payments/function",
        "arn:aws-cn:sts::123456789012:assumed-role/payments/function",
        "arn:aws:sts::123456789012:assumed-role/payments",
        "arn:aws:sts::123456789012:assumed-role/Payments/function",
        "arn:aws:sts::123456789012:federated-user/payments",
    ],
)
def test_a_workload_is_what_its_role_is(caller: str) -> None:
    status, body = exchange(Identity(), event(FORM, caller))
    assert (status, body["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("client", ["orders-agent", "settlement", "", "payments-agent ", None])
def test_nobody_is_another_workload(client: str | None) -> None:
    status, body = exchange(Identity(), event(changed(client_id=client)))
    assert (status, body["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (changed(grant_type=None), "unsupported_grant_type"),
        (changed(grant_type="client_credentials"), "unsupported_grant_type"),
        (changed(audience="redress:secrets:tools"), "invalid_target"),
        (changed(audience=None), "invalid_target"),
        (changed(audience="redress:orders:tools"), "invalid_scope"),
        (changed(scope="everything"), "invalid_scope"),
        (changed(scope="orders:read"), "invalid_scope"),
        (changed(scope=None), "invalid_scope"),
        (changed(subject_token="grant_2"), "invalid_scope"),
        (changed(subject_token=None), "invalid_request"),
        (changed(subject_token="no id"), "invalid_request"),
        (changed(subject_token_type="urn:x"), "invalid_request"),
        (changed(subject_token_type=JWT_SUBJECT), "invalid_request"),
        (changed(requested_token_type="urn:x"), "invalid_request"),
        (changed(authorization_details=None), "invalid_request"),
        (changed(authorization_details="[]"), "invalid_request"),
        (changed(authorization_details="{"), "invalid_request"),
        (changed(authorization_details='[{"type": "x", "case_id": "case_1"}]'), "invalid_request"),
        (
            changed(authorization_details='[{"type": "redress_case", "case_id": "case_2"}]'),
            "invalid_scope",
        ),
        ("", "unsupported_grant_type"),
        ("{}", "invalid_request"),
        ("a=%ff&b", "invalid_request"),
        ("x" * 40_000, "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(50)), "invalid_request"),
        (urlencode(FORM) + "&client_id=orders-agent", "invalid_request"),
    ],
)
def test_what_is_not_given(form: dict[str, str] | str, code: str) -> None:
    status, body = exchange(Identity(), event(form))
    assert (status, body["error"]) == (400, code)
    assert "access_token" not in body


@pytest.mark.parametrize("given", [None, [], {}, {"body": 7}])
def test_what_is_no_request(given: Any) -> None:
    assert exchange(Identity(), given)[0] == 400


@pytest.mark.parametrize("variables", [{}, None, {"other": "x"}])
def test_an_api_that_does_not_know_its_name(variables: Any) -> None:
    given = {**event(FORM), "stageVariables": variables}
    status, body = exchange(Identity(), given)
    assert (status, body["error"]) == (503, "temporarily_unavailable")


# The client


class Endpoint:
    """Stands where the HTTP client is; answers as the function does, or as told."""

    def __init__(self, identity: Identity, told: tuple[int, bytes] | None = None) -> None:
        self.identity = identity
        self.told = told
        self.sent: list[AWSPreparedRequest] = []

    def send(self, request: AWSPreparedRequest) -> Any:
        self.sent.append(request)

        class Answer:
            status_code: int
            content: bytes

        answer = Answer()
        if self.told:
            answer.status_code, answer.content = self.told
        else:
            status, body = exchange(self.identity, event(request.body.decode()))
            answer.status_code, answer.content = status, json.dumps(body).encode()
        return answer


def client(endpoint: Any) -> HttpTokenBroker:
    return HttpTokenBroker(
        f"{ISSUER}/oauth/token", "us-east-1", Credentials("AKID", "secret", "session"), endpoint
    )


REQUEST = ExchangeRequest(
    workload="payments-agent",
    audience="redress:payments:tools",
    scope=("payments:read",),
    case_id="case_1",
    grant_id="grant_1",
)


def test_the_client_gets_a_token_by_its_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "worker")
    identity = Identity()
    endpoint = Endpoint(identity)
    issued = client(endpoint).exchange(REQUEST)
    assert (issued.scope, issued.expires_in) == (("payments:read",), 60)
    assert identity.verifier("redress:payments:tools").verify(issued.access_token) == ACCESS
    (sent,) = endpoint.sent
    signature = sent.headers["Authorization"]
    assert "/us-east-1/execute-api/aws4_request" in str(signature)
    assert sent.headers["X-Amz-Security-Token"]
    # The local cloud tells containers apart by it; it is not signed.
    assert sent.headers["User-Agent"] == "redress/worker"
    assert "user-agent" not in str(signature)
    assert dict(parse_qsl(sent.body.decode()))["subject_token"] == "grant_1"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"workload": "orders-agent"}, AccessDeniedError),
        ({"case_id": "case_2"}, AccessDeniedError),
        ({"scope": ("orders:read",)}, AccessDeniedError),
        ({"grant_id": None, "subject_token": "x"}, TokenRefusedError),
        ({"grant_id": "no id"}, InvalidInputError),
    ],
)
def test_the_client_tells_what_was_refused(
    fields: dict[str, Any], error: type[RedressError]
) -> None:
    import msgspec

    with pytest.raises(error):
        client(Endpoint(Identity())).exchange(msgspec.structs.replace(REQUEST, **fields))


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ((403, b'{"message": "Forbidden"}'), AccessDeniedError),
        ((500, b'{"message": "Internal Server Error"}'), DependencyUnavailableError),
        ((503, b'{"error": "temporarily_unavailable"}'), DependencyUnavailableError),
        ((502, b"<html>"), DependencyUnavailableError),
        ((200, b"<html>"), DependencyUnavailableError),
        ((200, b"{}"), DependencyUnavailableError),
        (
            (200, b'{"access_token": "x", "expires_in": 60, "scope": "all"}'),
            DependencyUnavailableError,
        ),
        ((400, b"[]"), DependencyUnavailableError),
    ],
)
def test_the_client_and_odd_answers(told: Any, error: type[RedressError]) -> None:
    with pytest.raises(error):
        client(Endpoint(Identity(), told)).exchange(REQUEST)


def test_the_client_and_no_answer() -> None:
    class Away:
        def send(self, request: AWSPreparedRequest) -> Any:
            raise ConnectTimeoutError(endpoint_url=request.url)

    with pytest.raises(DependencyUnavailableError, match="token endpoint"):
        client(Away()).exchange(REQUEST)
