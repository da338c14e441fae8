"""OpenCase: a customer's request becomes the event CaseOpened."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from redress.api.requests import answers, customer_of, read_body, read_request
from redress.errors import InvalidInputError
from redress.models.base import Identifier, Model, dump
from redress.models.case import CaseOpened, Statement
from redress.ports import Clock, EventPublisher

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
    event: Any, publisher: EventPublisher, clock: Clock, new_secret: Callable[[], str]
) -> OpenedCase:
    """Publish CaseOpened for the customer who calls.

    Whether the order exists and is the customer's is for the state machine to find out.

    Raises:
        NotSignedInError: no customer calls.
        InvalidInputError: the body or the idempotency key does not fit.
        DependencyUnavailableError: the bus did not accept the event: send the request again.
    """
    request = read_request(event)
    customer = customer_of(request)
    wanted = read_body(NewCase, request)
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not 1 <= len(key) <= 256:
        raise InvalidInputError(f"{IDEMPOTENCY_HEADER} has 1 to 256 characters")
    seed = new_secret() if key is None else f"{customer}\n{key}"
    opened = CaseOpened(
        schema_version="1",
        case_id=f"case_{hashlib.sha256(seed.encode()).hexdigest()[:26]}",
        customer_id=customer,
        order_id=wanted.order_id,
        statement=wanted.statement,
        opened_at=clock.now(),
    )
    publisher.publish("CaseOpened", dump(opened))
    return OpenedCase(case_id=opened.case_id)
