"""Runs one untrusted program over one input by value: tier 1, and tier 2 where tier 1 has a gap."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redress.sandbox import monty_engine, triage
from redress.sandbox.answer import canonical_json, encode_input, parse_answer, sha256
from redress.sandbox.errors import (
    InputTooLargeError,
    SandboxError,
    SandboxUnavailableError,
    SandboxUsageError,
    TimeLimitError,
)
from redress.sandbox.models import (
    ENGINES,
    EngineName,
    EngineRun,
    ErrorInfo,
    Limits,
    SandboxResult,
)

DEFAULT_LIMITS = Limits()


class _Run:
    """The state of one call: what each tier needs, and what is known when it ends."""

    def __init__(self, code: str, input_value: Any, limits: Limits) -> None:
        self.started = time.monotonic()
        self.code = code
        self.limits = limits
        self.input_json = encode_input(input_value)
        self.engine: EngineName | None = None
        self.engine_version: str | None = None
        self.stdout = ""
        self.preparing = 0.0

    def remaining(self) -> float:
        """Return the seconds left to the program; preparing an engine does not count."""
        used = time.monotonic() - self.started - self.preparing
        left = self.limits.wall_seconds - used
        if left <= 0:
            raise TimeLimitError(f"the program ran over {self.limits.wall_seconds:.3g} seconds")
        return left

    def monty(self) -> EngineRun:
        begun = time.monotonic()
        monty_engine.warm_up()
        self.preparing += time.monotonic() - begun
        self.engine, self.engine_version = "monty", monty_engine.version()
        # By value: what the program gets is what the hash is of.
        value = json.loads(self.input_json)
        return monty_engine.run(self.code, value, self.limits, self.remaining())

    def wasi(self, module_path: Path | None, cache_folder: Path | None) -> EngineRun:
        # Only tier 2 needs it: subprocess and file locks stay out of the common path.
        from redress.sandbox import wasi_engine

        begun = time.monotonic()
        module = wasi_engine.find_module(module_path, cache_folder)
        self.preparing += time.monotonic() - begun
        self.engine, self.engine_version = "wasi", wasi_engine.version(module)
        return wasi_engine.run(self.code, self.input_json, self.limits, self.remaining(), module)

    def result(self, value: Any, error: SandboxError | None) -> SandboxResult:
        return SandboxResult(
            ok=error is None,
            value=value,
            error=None if error is None else ErrorInfo.of(error),
            stdout=self.stdout.encode(errors="replace").decode(),
            engine=self.engine,
            engine_version=self.engine_version,
            duration_ms=round((time.monotonic() - self.started) * 1000, 3),
            code_sha256=sha256(self.code.encode(errors="surrogatepass")),
            input_sha256=sha256(self.input_json),
            output_sha256=None if error is not None else sha256(canonical_json(value)),
        )


def run_program(
    code: str,
    input_value: Any,
    limits: Limits = DEFAULT_LIMITS,
    *,
    engines: Sequence[EngineName] = ENGINES,
    wasi_module: Path | None = None,
    cache_folder: Path | None = None,
) -> SandboxResult:
    """Run an untrusted program and return how it ended; it never raises for what the program does.

    The program sees its input as the global `INPUT`; the last line that it prints is its answer,
    one JSON value. It has no files, no network, no environment, no clock and no entropy: the same
    program over the same input gives the same answer. The answer is untrusted.

    Args:
        code: Python source.
        input_value: Any JSON value, passed by value.
        limits: What the program may use.
        engines: The tiers to use, in order.
        wasi_module: The compiled WASI interpreter shipped beside the code; nothing is compiled.
        cache_folder: Where the compiled interpreter is kept when none is shipped; by default the
            user's cache folder. The first run there compiles it, outside the program's time.

    Returns:
        The result; `error.type` names a class of `redress.sandbox.errors`.

    Raises:
        SandboxUsageError: `code` is not a string, `input_value` is not JSON, or `engines` names
            no known tier.
    """
    if not isinstance(code, str):
        raise SandboxUsageError(f"the program must be a string, not {type(code).__name__}")
    if not engines or any(name not in ENGINES for name in engines):
        raise SandboxUsageError(f"engines must be some of {', '.join(ENGINES)}, not {engines!r}")
    run = _Run(code, input_value, limits)
    try:
        if len(run.input_json) > limits.input_bytes:
            raise InputTooLargeError(
                f"the input has {len(run.input_json)} bytes, over the limit of {limits.input_bytes}"
            )
        triage.check(code, code_bytes=limits.code_bytes)
        end = _run_tiers(run, engines, wasi_module, cache_folder)
        run.stdout = end.stdout
        if end.error is not None:
            raise end.error
        return run.result(parse_answer(end.stdout, output_bytes=limits.output_bytes), None)
    except SandboxError as error:
        return run.result(None, error)


def _run_tiers(
    run: _Run, engines: Sequence[EngineName], wasi_module: Path | None, cache_folder: Path | None
) -> EngineRun:
    """Return the first conclusive end.

    A program is deterministic and has no effects, so a second run of it is safe.

    Raises:
        SandboxUnavailableError: No tier that could run the program works here.
    """
    end: EngineRun | None = None
    unavailable: SandboxUnavailableError | None = None
    for name in dict.fromkeys(engines):
        before = run.engine, run.engine_version
        try:
            found = run.monty() if name == "monty" else run.wasi(wasi_module, cache_folder)
        except SandboxUnavailableError as error:
            run.engine, run.engine_version = before
            unavailable = error
            continue
        end, unavailable = found, None
        if not end.inconclusive:
            return end
    if end is None or (end.unsupported and unavailable is not None):
        raise unavailable or SandboxUnavailableError("no engine works here")
    return end
