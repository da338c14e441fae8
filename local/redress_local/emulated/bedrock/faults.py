"""Faults on request: which error the next calls get, and where."""

from __future__ import annotations

import threading
from typing import Annotated

import msgspec

from redress_local.emulated.bedrock.errors import STATUSES, STREAMED

MAX_CALLS = 1_000_000


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order for errors.

    Attributes:
        calls: How many of the next calls get the error; 0 takes the order back.
        error: One of Bedrock's error codes.
        mid_stream: Send it within the stream, after the first piece of the answer; calls that do
            not stream get it at once.
        message: What it says.
    """

    calls: Annotated[int, msgspec.Meta(ge=0, le=MAX_CALLS)]
    error: str = "ThrottlingException"
    mid_stream: bool = False
    message: str = "Too many requests, please wait before trying again."

    def __post_init__(self) -> None:
        if self.error not in STATUSES:
            raise ValueError(f"error must be one of {', '.join(STATUSES)}")
        if self.mid_stream and self.error not in STREAMED:
            raise ValueError(f"within a stream comes one of {', '.join(sorted(STREAMED))}")


class Faults:
    """The order that is in force; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._order: FaultOrder | None = None
        self._left = 0

    @property
    def left(self) -> int:
        """How many more calls get an error."""
        return self._left

    def order(self, order: FaultOrder) -> None:
        """Put an order in force, instead of the one before."""
        with self._lock:
            self._order, self._left = order, order.calls

    def next(self) -> FaultOrder | None:
        """Return the fault of the call that comes now, None if it is to succeed."""
        with self._lock:
            if self._order is None or self._left <= 0:
                return None
            self._left -= 1
            return self._order
