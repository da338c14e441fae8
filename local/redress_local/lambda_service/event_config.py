"""What happens to a function's asynchronous events: attempts, age, destinations."""

from __future__ import annotations

import time

import msgspec

from redress_local.lambda_service.destinations import service_of
from redress_local.lambda_service.errors import InvalidParameterError

MAX_RETRIES = 2
MIN_AGE = 60
MAX_AGE = 21_600


class EventInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Lambda's EventInvokeConfig.

    Attributes:
        maximum_retry_attempts: 0 to 2.
        maximum_event_age: Seconds, 60 to 21600.
        on_success: ARN of where records of successes go.
        on_failure: ARN of where records of failures go.
        modified: Seconds since the epoch.
    """

    maximum_retry_attempts: int | None = None
    maximum_event_age: int | None = None
    on_success: str | None = None
    on_failure: str | None = None
    modified: float = msgspec.field(default_factory=time.time)

    @property
    def retries(self) -> int:
        """How often an event that failed is tried again."""
        return MAX_RETRIES if self.maximum_retry_attempts is None else self.maximum_retry_attempts

    @property
    def age(self) -> int:
        """How old an event may become, in seconds."""
        return MAX_AGE if self.maximum_event_age is None else self.maximum_event_age

    def check(self) -> None:
        """Refuse what AWS refuses.

        Raises:
            InvalidParameterError: A number out of its range, or a destination that cannot be.
        """
        if not 0 <= self.retries <= MAX_RETRIES:
            raise InvalidParameterError(f"MaximumRetryAttempts is 0 to {MAX_RETRIES}")
        if not MIN_AGE <= self.age <= MAX_AGE:
            raise InvalidParameterError(f"MaximumEventAgeInSeconds is {MIN_AGE} to {MAX_AGE}")
        for arn in (self.on_success, self.on_failure):
            if arn:
                service_of(arn)
