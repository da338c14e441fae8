"""ExchangeToken: POST /oauth/token, a token exchange (RFC 8693) for the roles of our workloads."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from redress.api.requests import HttpRequest, answer, body_of, read_request
from redress.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    FinalError,
    InvalidInputError,
    RetryableError,
)
from redress.identity.exchange import (
    ACCESS_TOKEN,
    CASE_DETAIL,
    GRANT_TYPE,
    JWT_SUBJECT,
    STORED_GRANT,
    TokenAnswer,
)
from redress.models.base import Identifier, parse, parse_json
from redress.models.identity import Audience, ExchangeRequest, Scope, Workload
from redress.ports import TokenBroker

ISSUER: Final = "issuer"
"""The API's stage variable that holds its own address: `iss` of the tokens."""

_ROLE = re.compile(r"arn:([a-z-]+):iam::(\d{12}):role/(?:[^/]+/)*([^/]+)")
_SESSION = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/[^/]+")
_FIELDS = 12


class _CaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    case_id: Identifier


class _RefusalError(Exception):
    """An answer of RFC 6749, 5.2."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        super().__init__(description)


def exchange_token(
    event: Any, issuing: Callable[[str], TokenBroker], workload_roles: str
) -> dict[str, Any]:
    """Answer a token exchange.

    Args:
        event: The request; IAM has checked its signature.
        issuing: Gives the broker that issues in the name of an issuer.
        workload_roles: Which role is which workload: `workload=role ARN`, separated by commas.

    Returns:
        200 with a token, 400 with an error code of OAuth's, or 503.
    """
    try:
        request = read_request(event)
        wanted = _read(request, workload_roles)
        issued = issuing(issuer_of(request)).exchange(wanted)
    except _RefusalError as error:
        return _refused(error.code, str(error))
    except AccessDeniedError as error:
        return _refused("invalid_scope", str(error))
    except FinalError as error:
        # Malformed input, and a subject token that is no good (RFC 8693, 2.2.2).
        return _refused("invalid_request", str(error))
    except RetryableError as error:
        body = {"error": "temporarily_unavailable", "error_description": str(error)}
        return answer(503, body)
    found = TokenAnswer(
        access_token=issued.access_token,
        expires_in=issued.expires_in,
        scope=" ".join(issued.scope),
    )
    return answer(200, found)


def _read(request: HttpRequest, workload_roles: str) -> ExchangeRequest:
    form = _form(request)
    if form.get("grant_type") != GRANT_TYPE:
        raise _RefusalError("unsupported_grant_type", f"use {GRANT_TYPE}")
    workload = _workload(form, request.request_context.authorizer.iam.user_arn, workload_roles)
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise InvalidInputError(f"requested_token_type: only {ACCESS_TOKEN} is issued")
    subject, kind = form.get("subject_token"), form.get("subject_token_type")
    if not subject or kind not in (STORED_GRANT, JWT_SUBJECT):
        raise InvalidInputError(f"subject_token is {STORED_GRANT} or {JWT_SUBJECT}")
    return ExchangeRequest(
        workload=workload,
        audience=_known("invalid_target", Audience, form.get("audience")),
        scope=_known("invalid_scope", tuple[Scope, ...], tuple(form.get("scope", "").split())),
        case_id=_case_id(form.get("authorization_details", "")),
        grant_id=parse(Identifier, subject) if kind == STORED_GRANT else None,
        subject_token=subject if kind == JWT_SUBJECT else None,
    )


def _form(request: HttpRequest) -> dict[str, str]:
    body = body_of(request)
    try:
        text = body if isinstance(body, str) else body.decode("ascii")
        pairs = parse_qsl(text, strict_parsing=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidInputError("the body is no form") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidInputError("each parameter is given once")
    return form


def _workload(form: dict[str, str], user_arn: str, workload_roles: str) -> Workload:
    """Return which workload calls: what it says, if it is what its role may be."""
    client_id = form.get("client_id")
    caller = _SESSION.fullmatch(user_arn)
    for pair in workload_roles.split(","):
        workload, _, arn = pair.strip().partition("=")
        role = _ROLE.fullmatch(arn)
        if role and caller and workload == client_id and role.groups() == caller.groups():
            known: Workload = _known("unauthorized_client", Workload, workload)
            return known
    raise _RefusalError("unauthorized_client", f"this role is no workload {client_id!s:.40}")


def _known(code: str, kind: Any, value: Any) -> Any:
    try:
        return parse(kind, value)
    except InvalidInputError as error:
        raise _RefusalError(code, str(error)) from error


def _case_id(details: str) -> str:
    found = parse_json(tuple[_CaseDetail, ...], details)
    if len(found) != 1 or found[0].type != CASE_DETAIL:
        raise InvalidInputError(f"authorization_details holds one {CASE_DETAIL}")
    return found[0].case_id


def issuer_of(request: HttpRequest) -> str:
    """Return the tokens' issuer: the address of the API that was called.

    Raises:
        DependencyUnavailableError: the API's stage does not say.
    """
    found = (request.stage_variables or {}).get(ISSUER)
    if not found:
        raise DependencyUnavailableError(f"the API's stage lacks the variable {ISSUER!r}")
    return found


def _refused(code: str, description: str) -> dict[str, Any]:
    return answer(400, {"error": code, "error_description": description})
