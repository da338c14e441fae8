"""Token exchange over HTTP (RFC 8693): the function ExchangeToken, called with SigV4."""

import json
import os
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    FinalError,
    InvalidInputError,
    TokenRefusedError,
)
from redress.identity.exchange import (
    ACCESS_TOKEN,
    CASE_DETAIL,
    GRANT_TYPE,
    JWT_SUBJECT,
    STORED_GRANT,
    TokenAnswer,
)
from redress.models.identity import ExchangeRequest, IssuedToken, Scope

_REFUSALS: dict[str, type[FinalError]] = {
    "invalid_target": AccessDeniedError,
    "invalid_scope": AccessDeniedError,
    "unauthorized_client": AccessDeniedError,
}


@cache
def _session() -> URLLib3Session:
    """Return this process's HTTP client: connections are kept between invocations."""
    return URLLib3Session(timeout=(2, 10), max_pool_connections=4)


class HttpTokenBroker:
    """A `TokenBroker` that asks the token endpoint as the role of this process.

    Args:
        url: The token endpoint.
        region: Of the API, for the signature.
        credentials: By default those of this process.
        http: Sends requests; by default one client for the process.
    """

    def __init__(
        self, url: str, region: str = "", credentials: Any = None, http: Any = None
    ) -> None:
        self._url = url
        self._http = http
        session = botocore.session.get_session()
        self._region = region or session.get_config_variable("region")
        self._credentials = credentials or session.get_credentials()
        # By this, access logs tell callers apart, and the local cloud a container of `sam local`,
        # which has no key of the function's role.
        self._software = f"redress/{os.environ.get('AWS_LAMBDA_FUNCTION_NAME', '')}".rstrip("/")

    def exchange(self, request: ExchangeRequest) -> IssuedToken:
        """Ask for a token of scope requested AND user AND workload AND audience.

        A request whose answer was lost is not sent again here: a subject token is used up.

        Raises:
            AccessDeniedError: nothing of it is allowed, or this role is not the workload's.
            TokenRefusedError: the subject token is not valid.
            DependencyUnavailableError: the broker did not answer.
        """
        body = urlencode(_form(request)).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": self._software,
        }
        signed = AWSRequest("POST", self._url, data=body, headers=headers)
        if self._credentials is None:
            raise DependencyUnavailableError("there are no AWS credentials to ask for a token with")
        frozen = self._credentials.get_frozen_credentials()
        SigV4Auth(frozen, "execute-api", self._region).add_auth(signed)
        try:
            answer = (self._http or _session()).send(signed.prepare())
        except BotoCoreError as error:
            raise DependencyUnavailableError(f"the token endpoint: {error}") from error
        if answer.status_code == 200:
            return _token(answer.content)
        raise _problem(answer.status_code, answer.content, request)


def _form(request: ExchangeRequest) -> dict[str, str]:
    by_token = request.subject_token is not None
    return {
        "grant_type": GRANT_TYPE,
        "client_id": request.workload,
        "audience": request.audience,
        "scope": " ".join(request.scope),
        "requested_token_type": ACCESS_TOKEN,
        "subject_token_type": JWT_SUBJECT if by_token else STORED_GRANT,
        "subject_token": str(request.subject_token if by_token else request.grant_id),
        "authorization_details": json.dumps([{"type": CASE_DETAIL, "case_id": request.case_id}]),
    }


def _token(content: bytes) -> IssuedToken:
    try:
        answer = msgspec.json.decode(content, type=TokenAnswer)
        scope = msgspec.convert(tuple(answer.scope.split()), tuple[Scope, ...])
    except msgspec.MsgspecError as error:
        raise DependencyUnavailableError("the token endpoint answered with no token") from error
    return IssuedToken(access_token=answer.access_token, expires_in=answer.expires_in, scope=scope)


def _problem(status: int, content: bytes, request: ExchangeRequest) -> Exception:
    """Return the error that an answer stands for; RFC 6749, 5.2 names them."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    code = found.get("error") if isinstance(found, dict) else None
    kind: type[FinalError] | None = _REFUSALS.get(str(code))
    if code == "invalid_request":
        # A subject token that is no good has no code of its own (RFC 8693, 2.2.2).
        kind = InvalidInputError if request.subject_token is None else TokenRefusedError
    if kind is not None and isinstance(found, dict):
        return kind(str(found.get("error_description", code))[:500])
    if status == 403:
        return AccessDeniedError("this role may not ask for tokens")
    return DependencyUnavailableError(f"the token endpoint answered {status}")
