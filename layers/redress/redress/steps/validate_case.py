"""ValidateCase: turns the CaseOpened event into a case whose order exists and is the customer's."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.domains.orders.gateway import load_order
from redress.errors import ForeignOrderError, InvalidCaseError, InvalidInputError
from redress.identity.grants import bus_grant_id
from redress.models.base import Instant, parse
from redress.models.case import PATTERNS, CaseOpened, SupportCase
from redress.ports import Repository

CLOCK_SKEW = timedelta(minutes=5)


def validate_case(event: Any, default_pattern: str, orders: Repository) -> SupportCase:
    """Read an EventBridge event whose `detail` is a `CaseOpened`.

    Lateness is judged as of `opened_at`, else as of the event's own time. A case cannot have been
    opened after its event: a date ahead would make every parcel late.

    Raises:
        InvalidCaseError: the event is malformed; the message names the place.
        UnknownOrderError: there is no such order.
        ForeignOrderError: the order is another customer's.
        DependencyUnavailableError: the store did not answer.
    """
    if not isinstance(event, dict) or "detail" not in event:
        raise InvalidCaseError("an event has the fields of EventBridge, `detail` among them")
    try:
        opened = parse(CaseOpened, event["detail"])
    except InvalidInputError as error:
        raise InvalidCaseError(f"detail: {error}") from error
    try:
        opened.statement.encode()
    except UnicodeEncodeError as error:
        raise InvalidCaseError("detail.statement is not valid Unicode text") from error
    as_of = _as_of(opened, event.get("time"))
    facts = load_order(orders, opened.order_id)
    if facts.order.customer_id != opened.customer_id:
        raise ForeignOrderError(f"order {opened.order_id} is not of customer {opened.customer_id}")
    pattern = opened.pattern or next((p for p in PATTERNS if p == default_pattern), None)
    if pattern is None:
        raise InvalidInputError(f"default pattern {default_pattern!r}: use {' or '.join(PATTERNS)}")
    return SupportCase(
        case_id=opened.case_id,
        customer_id=opened.customer_id,
        order_id=opened.order_id,
        statement=opened.statement,
        pattern=pattern,
        as_of=as_of,
        skus=tuple(dict.fromkeys(line.sku for line in facts.order.lines)),
        grant_id=opened.grant_id or bus_grant_id(opened.case_id),
    )


def _as_of(opened: CaseOpened, event_time: Any) -> datetime:
    came_in: datetime | None = None
    if event_time is not None:
        try:
            came_in = msgspec.convert(event_time, Instant)
        except msgspec.ValidationError as error:
            raise InvalidCaseError(f"time: {error}") from error
    if opened.opened_at is None:
        if came_in is None:
            raise InvalidCaseError("either detail.opened_at or the event's time is needed")
        return came_in
    if came_in is not None and opened.opened_at > came_in + CLOCK_SKEW:
        raise InvalidCaseError("detail.opened_at is later than the event itself")
    return opened.opened_at
