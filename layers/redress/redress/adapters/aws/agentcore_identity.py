"""Token exchange by AgentCore Identity, where AgentCore runs the agents."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from time import time
from typing import Any, get_args

import msgspec

from redress.adapters.aws.clients import AWS_ERRORS, client, error_code, translated
from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    RedressError,
    TokenRefusedError,
)
from redress.identity.exchange import CASE_DETAIL
from redress.models.identity import ExchangeRequest, IssuedToken, Scope, Workload

_SCOPES = frozenset[str](get_args(Scope))


class _Claims(msgspec.Struct):
    exp: int
    scope: str


class AgentCoreTokenBroker:
    """A `TokenBroker` that acts on behalf of the user whose JWT came in with the request.

    The JWT is exchanged for a workload access token, which binds user and workload, and that for a
    token of the credential provider behind one audience: an OAuth 2.0 server that knows the case,
    such as our own token endpoint. What the token allows is for that server to say.

    Args:
        workload_names: AgentCore's name of each workload identity.
        provider: The name of the credential provider.
        agentcore: A low-level client of `bedrock-agentcore`, by default this process's.
        seconds: Seconds since the epoch.
    """

    def __init__(
        self,
        workload_names: Mapping[Workload, str],
        provider: str,
        agentcore: Any = None,
        seconds: Callable[[], float] = time,
    ) -> None:
        self._names = workload_names
        self._provider = provider
        self._client = agentcore
        self._seconds = seconds

    def exchange(self, request: ExchangeRequest) -> IssuedToken:
        """Get a token for one audience, on behalf of the user of `subject_token`.

        Raises:
            AccessDeniedError: nothing of it is allowed, the user must consent first, or there is
                only a grant, which AgentCore does not know.
            TokenRefusedError: the user's token is not valid.
            DependencyUnavailableError: AgentCore did not answer, or with no token of ours.
        """
        name = self._names.get(request.workload)
        if name is None or request.subject_token is None:
            raise AccessDeniedError(f"{request.workload} has no user's token to act on behalf of")
        try:
            workload = self._agentcore.get_workload_access_token_for_jwt(
                workloadName=name, userToken=request.subject_token
            )
            answer = self._agentcore.get_resource_oauth2_token(
                workloadIdentityToken=workload["workloadAccessToken"],
                resourceCredentialProviderName=self._provider,
                scopes=list(request.scope),
                oauth2Flow="ON_BEHALF_OF_TOKEN_EXCHANGE",
                audiences=[request.audience],
                customParameters={
                    "authorization_details": json.dumps(
                        [{"type": CASE_DETAIL, "case_id": request.case_id}]
                    )
                },
            )
        except AWS_ERRORS as error:
            raise _problem(error) from error
        token = answer.get("accessToken")
        if token is None:
            raise AccessDeniedError("the user has not consented yet")
        return self._issued(token, request)

    @property
    def _agentcore(self) -> Any:
        return self._client or client("bedrock-agentcore")

    def _issued(self, token: str, request: ExchangeRequest) -> IssuedToken:
        claims = _claims(token)
        granted = frozenset(claims.scope.split()) & _SCOPES & frozenset(request.scope)
        if not granted:
            raise AccessDeniedError("the token that came gives nothing of what was asked for")
        return IssuedToken(
            access_token=token,
            expires_in=max(0, claims.exp - int(self._seconds())),
            scope=msgspec.convert(tuple(sorted(granted)), tuple[Scope, ...]),
        )


def _claims(token: str) -> _Claims:
    """Read when a token ends and what it is for; whoever takes it checks the signature."""
    try:
        payload = token.split(".")[1]
        data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(data, type=_Claims)
    except (IndexError, binascii.Error, ValueError) as error:
        raise DependencyUnavailableError("AgentCore's provider issues no JWT with scope") from error


def _problem(error: Any) -> RedressError:
    code = error_code(error)
    if code == "UnauthorizedException":
        return TokenRefusedError("AgentCore refuses the user's token")
    if code == "AccessDeniedException":
        return AccessDeniedError("AgentCore allows this workload nothing of it")
    return translated(error, "AgentCore Identity")
