"""The errors Redress raises: class names are the state machines' `ErrorEquals` contract.

RedressError
├── RetryableError                  trying again may help
│   ├── ConflictError               an optimistic write lost its race
│   ├── DependencyUnavailableError  a store, bus or model did not answer
│   ├── ModelThrottledError         the model service asked us to slow down
│   └── AgentUnavailableError       another domain's agent did not answer in time
└── FinalError                      trying again gives the same answer
    ├── InvalidInputError           the input does not fit its schema
    │   └── InvalidCaseError        a CaseOpened event is malformed
    ├── UnknownOrderError           the case names an order that does not exist
    ├── ForeignOrderError           the order belongs to another customer
    ├── CaseAlreadySettledError     the case has ended; nothing is left to do
    ├── CaseOwnedElsewhereError     another execution works on the case right now
    ├── InvalidProposalError        the agent's answer breaks its contract
    ├── BudgetExceededError         turns or tokens ran out
    ├── EvidenceMissingError        a domain gave no answer, and nothing can be decided without it
    ├── ModelRefusedError           the model service refuses the call, now and later
    ├── RecordingMissingError       a cassette has no answer for this prompt
    ├── OutOfStockError             a reservation found too little stock
    ├── RefundRefusedError          the ledger does not allow this refund (any more)
    ├── ApprovalDeniedError         a human said no, or did not answer in time
    ├── ApprovalMismatchError       what was approved is not what would be executed
    ├── CompensationFailedError     an effect could not be undone: an operator must look
    ├── UnknownCaseError            no such case
    ├── NotSignedInError            nobody, or not a customer, is behind this call
    ├── AccessDeniedError           user, workload and audience together do not allow it
    └── TokenRefusedError           a token is forged, expired, used before or for something else
"""


class RedressError(Exception):
    """Base of all errors of this package."""


class RetryableError(RedressError):
    """Trying again may help."""


class ConflictError(RetryableError):
    """A conditional write found another version than the one it was based on."""


class DependencyUnavailableError(RetryableError):
    """A store, bus or model did not answer."""


class ModelThrottledError(RetryableError):
    """The model service asked us to slow down."""


class AgentUnavailableError(RetryableError):
    """Another domain's agent did not answer in time, or has not for a while."""


class FinalError(RedressError):
    """Trying again gives the same answer."""


class InvalidInputError(FinalError):
    """The input does not fit its schema; the message names the place."""


class InvalidCaseError(InvalidInputError):
    """A CaseOpened event is malformed."""


class UnknownOrderError(FinalError):
    """The case names an order that does not exist."""


class ForeignOrderError(FinalError):
    """The order belongs to another customer than the one who opened the case."""


class CaseAlreadySettledError(FinalError):
    """The case has ended; nothing is left to do."""


class CaseOwnedElsewhereError(FinalError):
    """Another execution works on the case right now."""


class InvalidProposalError(FinalError):
    """The agent's answer breaks its contract."""


class BudgetExceededError(FinalError):
    """Turns or tokens ran out before the agent concluded."""


class EvidenceMissingError(FinalError):
    """A domain gave no answer, and nothing can be decided without it: replay the case later."""


class ModelRefusedError(FinalError):
    """The model service refuses the call, now and later: no access, no such model, bad request."""


class RecordingMissingError(FinalError):
    """A cassette has no answer for this prompt: record it again."""


class OutOfStockError(FinalError):
    """A reservation found less stock than it needs."""


class RefundRefusedError(FinalError):
    """The ledger does not allow this refund, or not any more."""


class ApprovalDeniedError(FinalError):
    """A human denied the settlement, or nobody answered in time."""


class ApprovalMismatchError(FinalError):
    """What was approved is not what would be executed."""


class CompensationFailedError(FinalError):
    """An effect could not be undone: the case is parked for an operator."""


class UnknownCaseError(FinalError):
    """No case has this id."""


class NotSignedInError(FinalError):
    """The call bears no customer's identity, or a ticket that is not valid (any more)."""


class AccessDeniedError(FinalError):
    """What was asked for is not what user, workload and audience allow together."""


class TokenRefusedError(FinalError):
    """A token is forged, expired, used before, or for another audience, scope or case."""
