"""The engine's error tree.

AslEngineError
├── InvalidDefinitionError      a definition that Step Functions would refuse
├── InvalidInputError           an execution input or a task output that is not JSON or too big
├── InvalidNameError            a name that Step Functions would refuse
├── MachineNotFoundError        no such state machine is registered
├── ExecutionNotFoundError      no such execution in the journal
├── ExecutionExistsError        the name is taken by another execution
├── ExecutionNotRedrivableError redrive of a running or a succeeded execution
├── TaskTokenError              a token that no task waits on (any more)
└── TaskError                   a task failed with a States error name and a cause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asl_engine.validation import Diagnostic


class AslEngineError(Exception):
    """Base of every error of the engine."""


class InvalidDefinitionError(AslEngineError):
    """A definition that cannot run.

    Attributes:
        diagnostics: What is wrong and where, as `validate` returns it.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        errors = [d for d in self.diagnostics if str(d.severity).upper().endswith("ERROR")]
        first = (errors or self.diagnostics)[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{first.location or '/'}: {first.message}{more}")


class InvalidInputError(AslEngineError):
    """A value that is not JSON, or is larger than Step Functions takes."""


class InvalidNameError(AslEngineError):
    """A state machine or execution name outside AWS's alphabet or length."""


class MachineNotFoundError(AslEngineError):
    """No state machine is registered under the name or ARN."""


class ExecutionNotFoundError(AslEngineError):
    """No execution has the ARN."""


class ExecutionExistsError(AslEngineError):
    """The execution name is taken: AWS's ExecutionAlreadyExists."""


class ExecutionNotRedrivableError(AslEngineError):
    """The execution runs or has succeeded: AWS's ExecutionNotRedrivable."""


class TaskTokenError(AslEngineError):
    """No task waits on the token.

    Attributes:
        code: As the AWS API names it: `InvalidToken`, `TaskDoesNotExist`, or `TaskTimedOut` when
            the task is over.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class TaskError(AslEngineError):
    """A task failed: what a host callable raises to fail its task.

    Args:
        error: The error name that `Retry` and `Catch` match.
        cause: Free text, or a JSON document as text.
    """

    def __init__(self, error: str, cause: str = "") -> None:
        self.error = error
        self.cause = cause
        super().__init__(f"{error}: {cause}" if cause else error)
