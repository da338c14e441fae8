"""What goes into the sandbox and what comes out of it, as frozen structs."""

from typing import Any, Literal

import msgspec

from redress.sandbox.errors import SandboxError, SandboxUsageError

EngineName = Literal["monty", "wasi"]

ENGINES: tuple[EngineName, ...] = ("monty", "wasi")
"""All tiers, in the order in which they are tried."""

MIN_MEMORY_BYTES = 32 * 1024 * 1024
"""Below this the CPython-WASI interpreter cannot start."""

MAX_WALL_SECONDS = 60.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a program may use; every limit is always on.

    Attributes:
        code_bytes: Length of the program in UTF-8 bytes.
        input_bytes: Length of the input as JSON.
        output_bytes: Length of the answer, the last line printed.
        stdout_bytes: Everything printed, the answer included.
        memory_bytes: Memory of the guest.
        wall_seconds: Time of the whole run, a second tier included.
        recursion_depth: Depth of Python calls in the guest.
    """

    code_bytes: int = 32 * 1024
    input_bytes: int = 1024 * 1024
    output_bytes: int = 64 * 1024
    stdout_bytes: int = 128 * 1024
    memory_bytes: int = 128 * 1024 * 1024
    wall_seconds: float = 5.0
    recursion_depth: int = 1000

    def __post_init__(self) -> None:
        """Refuse limits that switch a limit off.

        Raises:
            SandboxUsageError: A limit is out of its range.
        """
        ranges: dict[str, tuple[float, float]] = {
            "code_bytes": (1, 1024 * 1024),
            "input_bytes": (2, 64 * 1024 * 1024),
            "output_bytes": (1, 4 * 1024 * 1024),
            "stdout_bytes": (1, 16 * 1024 * 1024),
            "memory_bytes": (MIN_MEMORY_BYTES, 2 * 1024**3),
            "wall_seconds": (0.05, MAX_WALL_SECONDS),
            "recursion_depth": (10, 1000),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SandboxUsageError(f"{name} must be a number, not {value!r}")
            if not low <= value <= high:
                raise SandboxUsageError(f"{name} must be {low:g} to {high:g}, not {value!r}")


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An error as data.

    Attributes:
        type: Name of a class in `redress.sandbox.errors`.
        message: One printable line, at most 500 characters; partly the guest's words, so untrusted.
    """

    type: str
    message: str

    @classmethod
    def of(cls, error: SandboxError) -> "ErrorInfo":
        """Return `error` as data."""
        return cls(type=type(error).__name__, message=one_line(str(error)))


class SandboxResult(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one run. `value` and `stdout` come from the program: untrusted.

    Attributes:
        ok: Whether the program ran to its end and answered.
        value: The answer, any JSON value; None when not ok.
        error: Why there is no answer.
        stdout: What was printed, cut at the limit; a lone surrogate is shown as `?`.
        engine: The tier that gave this end; None when the program reached none.
        engine_version: Engine and version, for the record.
        duration_ms: Wall time of the call, waiting included.
        code_sha256: Hash of the program's UTF-8 bytes.
        input_sha256: Hash of the JSON that the program received.
        output_sha256: Hash of the answer as compact JSON with sorted keys; None when not ok.
    """

    ok: bool
    value: Any
    error: ErrorInfo | None
    stdout: str
    engine: EngineName | None
    engine_version: str | None
    duration_ms: float
    code_sha256: str
    input_sha256: str
    output_sha256: str | None


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine reports of one run.

    Attributes:
        stdout: What the program printed, at most one byte beyond the limit.
        error: How the run failed, or None.
        inconclusive: The program raised, which may be a gap of this engine and not its own fault.
        unsupported: It is known to be a gap of this engine.
    """

    stdout: str
    error: SandboxError | None = None
    inconclusive: bool = False
    unsupported: bool = False


def one_line(text: str, size: int = 500) -> str:
    """Return guest text as one printable line of at most `size` characters."""
    text = text[: size * 2]
    line = "".join(c if c.isprintable() else " " for c in text).strip()
    return line if len(line) <= size else line[: size - 3] + "..."
