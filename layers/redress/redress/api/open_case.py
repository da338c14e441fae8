"""OpenCase: a customer's request becomes the event CaseOpened."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from redress.api.requests import answers, customer_of, granted_by, read_body, read_request
from redress.errors import InvalidInputError
from redress.identity.grants import GRANT_LIFE, find_grant, save_grant
from redress.models.base import Identifier, Model, dump
from redress.models.case import CaseOpened, Statement
from redress.models.identity import Grant, Scope
from redress.ports import Clock, EventPublisher, Repository

IDEMPOTENCY_HEADER = "idempotency-key"
"""A request that is sent again with the same key opens the same case."""


class NewCase(Model, frozen=True):
    """Body of POST /cases."""

    order_id: Identifier
    statement: Statement


class OpenedCase(Model, frozen=True):
    """Answer of POST /cases: the case is accepted; its end is told on the WebSocket."""

    case_id: str
    status: str = "accepted"


@partial(answers, status=202)
def open_case(
    event: Any,
    cases: Repository,
    publisher: EventPublisher,
    clock: Clock,
    new_secret: Callable[[], str],
) -> OpenedCase:
    """Keep what the customer who calls grants by their token's scope, and publish CaseOpened.

    Whether the order exists and is the customer's is for the state machine to find out.

    Raises:
        NotSignedInError: no customer calls.
        AccessDeniedError: the token's scope grants nothing that a case could go by.
        InvalidInputError: the body or the idempotency key does not fit.
        DependencyUnavailableError: the store or the bus did not take it: send the request again.
        ConflictError: the same request came in twice at once: send it again.
    """
    request = read_request(event)
    customer = customer_of(request)
    scopes = granted_by(request)
    wanted = read_body(NewCase, request)
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not 1 <= len(key) <= 256:
        raise InvalidInputError(f"{IDEMPOTENCY_HEADER} has 1 to 256 characters")
    seed = new_secret() if key is None else f"{customer}\n{key}"
    name = hashlib.sha256(seed.encode()).hexdigest()[:26]
    grant_id = _keep_grant(cases, f"grant_{name}", f"case_{name}", customer, scopes, clock.now())
    opened = CaseOpened(
        schema_version="1",
        case_id=f"case_{name}",
        customer_id=customer,
        order_id=wanted.order_id,
        statement=wanted.statement,
        opened_at=clock.now(),
        grant_id=grant_id,
    )
    publisher.publish("CaseOpened", dump(opened))
    return OpenedCase(case_id=opened.case_id)


def _keep_grant(
    cases: Repository,
    grant_id: str,
    case_id: str,
    customer: str,
    scopes: tuple[Scope, ...],
    now: datetime,
) -> str:
    """Store a grant once: a request that is sent again changes nothing, whatever its token."""
    stored = find_grant(cases, grant_id)
    if stored is None or stored.grant.expires_at <= now:
        grant = Grant(
            grant_id=grant_id,
            case_id=case_id,
            customer_id=customer,
            scopes=scopes,
            source="api",
            expires_at=now + GRANT_LIFE,
        )
        save_grant(cases, grant, stored.version if stored else 0)
    return grant_id
