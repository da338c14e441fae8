"""The Lambda service's error tree: each error carries the code and status that AWS answers with.

LambdaServiceError
├── FunctionNotFoundError    404 ResourceNotFoundException (also mappings, configurations, ...)
├── ConflictError            409 ResourceConflictException
├── InvalidParameterError    400 InvalidParameterValueException
├── InvalidPayloadError      400 InvalidRequestContentException
├── PayloadTooLargeError     413 RequestTooLargeException
└── ThrottledError           429 TooManyRequestsException
"""

from __future__ import annotations


class LambdaServiceError(Exception):
    """Base of every error of the Lambda service.

    Attributes:
        code: AWS's error code.
        status: The HTTP status.
        kind: AWS's `Type` field: User or Service.
    """

    code = "ServiceException"
    status = 500
    kind = "Service"

    def fields(self) -> dict[str, str]:
        """More fields of the error's body."""
        return {}


class FunctionNotFoundError(LambdaServiceError):
    """There is no such function, or no such thing of a function."""

    code = "ResourceNotFoundException"
    status = 404
    kind = "User"


class ConflictError(LambdaServiceError):
    """What is to be made exists already."""

    code = "ResourceConflictException"
    status = 409
    kind = "User"


class InvalidParameterError(LambdaServiceError):
    """A parameter that AWS, or the local cloud, does not take."""

    code = "InvalidParameterValueException"
    status = 400
    kind = "User"


class InvalidPayloadError(LambdaServiceError):
    """A payload that is not JSON."""

    code = "InvalidRequestContentException"
    status = 400
    kind = "User"


class PayloadTooLargeError(LambdaServiceError):
    """A payload over the limit of its invocation type."""

    code = "RequestTooLargeException"
    status = 413
    kind = "User"


class ThrottledError(LambdaServiceError):
    """No concurrency is left.

    Attributes:
        reason: `ReservedFunctionConcurrentInvocationLimitExceeded` or
            `ConcurrentInvocationLimitExceeded`.
    """

    code = "TooManyRequestsException"
    status = 429
    kind = "User"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("Rate Exceeded.")

    def fields(self) -> dict[str, str]:
        """The reason."""
        return {"Reason": self.reason}
