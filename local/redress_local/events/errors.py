"""The errors of the local event bus.

EventsError
├── InvalidPatternError     an event pattern that EventBridge would refuse
├── InvalidTargetError      a target's input settings that EventBridge would refuse
├── InvalidEventError       an entry that is not an event
├── UnknownBusError         no such bus in the template
├── UnknownRuleError        no such rule in the template
├── UnknownArchiveError     no such archive in the template
└── DeliveryError           a target did not take an event
    └── DeliveryRefusedError    and would not take it when asked again
"""


class EventsError(Exception):
    """Base of all errors of the event bus."""


class InvalidPatternError(EventsError):
    """An event pattern that EventBridge would refuse; the message names the place."""


class InvalidTargetError(EventsError):
    """A target's input settings that EventBridge would refuse."""


class InvalidEventError(EventsError):
    """An entry that is not an event; the message says why."""


class UnknownBusError(EventsError):
    """No bus has this name."""


class UnknownRuleError(EventsError):
    """No rule has this name."""


class UnknownArchiveError(EventsError):
    """No archive has this name."""


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
