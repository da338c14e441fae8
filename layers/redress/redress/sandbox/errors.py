"""The errors of the sandbox: one small tree, whose class names are the `error.type` of a result."""


class SandboxError(Exception):
    """Base of everything that this package raises or reports."""


class SandboxUsageError(SandboxError, ValueError):
    """The caller's mistake: limits out of range, input that is not JSON. Raised, never reported."""


class SandboxUnavailableError(SandboxError):
    """No engine that could run the program works on this machine."""


class EngineCrashedError(SandboxError):
    """The engine's process died under the program; the host is unharmed."""


class CodeTooLargeError(SandboxError):
    """The program is longer than the limit."""


class InputTooLargeError(SandboxError):
    """The input, as JSON, is longer than the limit."""


class OutputTooLargeError(SandboxError):
    """The program printed more than the limit, in all or in its answer."""


class InvalidOutputError(SandboxError):
    """The last line that the program printed is not one strict JSON value."""


class TimeLimitError(SandboxError):
    """The program ran past the wall limit and was stopped."""


class MemoryLimitError(SandboxError):
    """The program asked for more memory than the limit."""


class ForbiddenImportError(SandboxError):
    """The program imports a module that no reconciliation needs."""


class ProgramSyntaxError(SandboxError):
    """The program is not valid Python."""


class ProgramError(SandboxError):
    """The program raised; the message holds the guest's exception type, message and line."""
