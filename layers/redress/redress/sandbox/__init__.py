"""Runs code that an agent wrote over data by value: no files, no network, no credentials."""

from redress.sandbox.errors import SandboxError, SandboxUsageError
from redress.sandbox.models import ENGINES, EngineName, ErrorInfo, Limits, SandboxResult
from redress.sandbox.run import run_program
from redress.sandbox.warm import close, warm_up

__all__ = [
    "ENGINES",
    "EngineName",
    "ErrorInfo",
    "Limits",
    "SandboxError",
    "SandboxResult",
    "SandboxUsageError",
    "close",
    "run_program",
    "warm_up",
]
