"""The errors of the local event bus.

EventsError
├── InvalidPatternError     an event pattern that EventBridge would refuse
├── InvalidTargetError      a target's input settings that EventBridge would refuse
├── InvalidScheduleError    a schedule expression that EventBridge would refuse
├── InvalidEventError       an entry that is not an event
├── InvalidRequestError     a setting that EventBridge would refuse
├── UnknownError            what is named does not exist
│   ├── UnknownBusError
│   ├── UnknownRuleError
│   ├── UnknownArchiveError
│   └── UnknownReplayError
├── ExistsError             the name is taken
├── LimitError              more than EventBridge allows
├── IllegalStatusError      not in the state that it is in
└── DeliveryError           a target did not take an event
    └── DeliveryRefusedError    and would not take it when asked again
"""


class EventsError(Exception):
    """Base of all errors of the event bus."""


class InvalidPatternError(EventsError):
    """An event pattern that EventBridge would refuse; the message names the place."""


class InvalidTargetError(EventsError):
    """A target's input settings that EventBridge would refuse."""


class InvalidScheduleError(EventsError):
    """A schedule expression that EventBridge would refuse."""


class InvalidEventError(EventsError):
    """An entry that is not an event; the message says why."""


class InvalidRequestError(EventsError):
    """A setting that EventBridge would refuse; the message says which and why."""


class UnknownError(EventsError):
    """What is named does not exist."""


class UnknownBusError(UnknownError):
    """No bus has this name."""


class UnknownRuleError(UnknownError):
    """No rule has this name."""


class UnknownArchiveError(UnknownError):
    """No archive has this name."""


class UnknownReplayError(UnknownError):
    """No replay has this name."""


class ExistsError(EventsError):
    """The name is taken."""


class LimitError(EventsError):
    """More than EventBridge allows."""


class IllegalStatusError(EventsError):
    """Not possible in the state that it is in."""


class DeliveryError(EventsError):
    """A target did not take an event; trying again may help.

    Attributes:
        code: What went wrong, as EventBridge names it in a dead letter's ERROR_CODE.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class DeliveryRefusedError(DeliveryError):
    """A target that does not exist, or that will never take this event: no retry."""
