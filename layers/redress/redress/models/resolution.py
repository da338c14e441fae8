"""What is kept of a resolved case for those that come after it: codes, and nothing written."""

from typing import Annotated, Literal

import msgspec

from redress.models.base import Instant, Model
from redress.models.investigation import ActionKind, FindingCode, ReasonCode

ResolutionId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}(?!\n)$")]
"""Follows from the case's id and does not show it: ids are chosen by who opens a case."""


MAX_ACTIONS = 8
"""Different ones that are kept: more than a passage has room for, fewer than Bedrock refuses."""


class PastAction(Model, frozen=True):
    """One action and what became of it: no amount, no payee, no subject."""

    action: ActionKind
    reason_code: ReasonCode
    state: Literal["done", "denied", "not_done"]


class PastResolution(Model, frozen=True):
    """How a case was resolved, in codes of ours alone."""

    resolution_id: ResolutionId
    closed_at: Instant
    actions: Annotated[tuple[PastAction, ...], msgspec.Meta(max_length=MAX_ACTIONS)]
    findings: tuple[FindingCode, ...] = ()
