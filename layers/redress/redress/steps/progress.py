"""Telling what a case is doing, at best effort."""

import logging
from datetime import datetime
from typing import Any

from redress.errors import RedressError
from redress.models.base import dump
from redress.models.case import SupportCase
from redress.models.events import CaseProgressed, Stage
from redress.models.settlement import Effect, Ruling
from redress.ports import EventPublisher

logger = logging.getLogger("redress")

_SHOWN = ("action", "subject_id", "state", "amount_minor", "currency")


def publish_progress(
    publisher: EventPublisher,
    about: SupportCase | Ruling,
    stage: Stage,
    attempt: int,
    at: datetime,
    facts: dict[str, Any],
) -> None:
    """Publish CaseProgressed; a bus out of reach never fails the step."""
    detail = CaseProgressed(
        schema_version="1",
        case_id=about.case_id,
        order_id=about.order_id,
        customer_id=about.customer_id,
        stage=stage,
        attempt=attempt,
        at=at,
        facts=facts,
    )
    try:
        publisher.publish("CaseProgressed", dump(detail))
    except RedressError as error:
        fields = {"case_id": about.case_id, "stage": stage, "error": type(error).__name__}
        logger.warning("progress not published", extra=fields)


def shown(effects: tuple[Effect, ...]) -> list[dict[str, Any]]:
    """Return what a customer may see of effects."""
    return [{name: getattr(effect, name) for name in _SHOWN} for effect in effects]
