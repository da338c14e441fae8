"""`redress sandbox`: run a program as the Reconcile step runs the agents' programs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from redress.sandbox import (
    ENGINES,
    EngineName,
    ErrorInfo,
    Limits,
    SandboxError,
    SandboxResult,
    SandboxUsageError,
    run_program,
    warm_up,
)

app = App(name="sandbox", help="Run an untrusted program over data by value.")

_DEFAULTS = Limits()
_MIB = 1024 * 1024
_HINT = "see `redress sandbox run --help`"


@app.command
def run(
    file: Path,
    /,
    *,
    input_: Annotated[str, Parameter(name="--input")] = "null",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    wall_seconds: float = _DEFAULTS.wall_seconds,
    memory_mib: int = _DEFAULTS.memory_bytes // _MIB,
    code_bytes: int = _DEFAULTS.code_bytes,
    input_bytes: int = _DEFAULTS.input_bytes,
    output_bytes: int = _DEFAULTS.output_bytes,
    stdout_bytes: int = _DEFAULTS.stdout_bytes,
    engine: Annotated[tuple[EngineName, ...], Parameter(negative="")] = ENGINES,
    cache_folder: Path | None = None,
) -> int:
    """Run FILE; it sees the input as `INPUT`, and the last line that it prints is its answer.

    Args:
        file: Python source; `/dev/stdin` reads it from stdin.
        input_: The input as JSON, or `@FILE` to read it from a file.
        json_: Print the whole result as one JSON object.
        wall_seconds: Time of the whole run.
        memory_mib: Memory of the program, in MiB.
        code_bytes: Greatest length of the program.
        input_bytes: Greatest length of the input as JSON.
        output_bytes: Greatest length of the answer.
        stdout_bytes: Greatest length of all that is printed.
        engine: Use this tier only; give it twice to set the order.
        cache_folder: Where the compiled WASI interpreter is kept.

    Returns:
        The exit status: 0 answered, 1 the program failed, 2 the call was wrong.
    """
    try:
        limits = Limits(
            code_bytes=code_bytes,
            input_bytes=input_bytes,
            output_bytes=output_bytes,
            stdout_bytes=stdout_bytes,
            memory_bytes=memory_mib * _MIB,
            wall_seconds=wall_seconds,
        )
        result = run_program(
            _read_program(file, code_bytes),
            _read_input(input_, input_bytes),
            limits,
            engines=engine,
            cache_folder=cache_folder,
        )
    except SandboxError as error:
        return _refused(ErrorInfo.of(error), as_json=json_)
    _show(result, as_json=json_)
    return 0 if result.ok else 1


@app.command
def prepare(*, cache_folder: Path | None = None) -> int:
    """Start each tier once: finds or compiles the WASI interpreter (about 8 s, once per machine).

    Args:
        cache_folder: Where the compiled WASI interpreter is kept.

    Returns:
        The exit status: 0 both tiers work, 1 one does not.
    """
    status = 0
    for name in ENGINES:
        try:
            warm_up((name,), cache_folder=cache_folder)
            print(f"{name}: ready")
        except SandboxError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
    return status


def _read_program(file: Path, limit: int) -> str:
    # One byte beyond the limit is enough for the sandbox to refuse the program by its own error.
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise SandboxUsageError(f"cannot read {file}: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > limit:
            return data.decode("latin-1")
        raise SandboxUsageError(f"{file} is not UTF-8 text") from error


def _read_input(text: str, limit: int) -> Any:
    data: str | bytes = text
    if text.startswith("@"):
        try:
            with Path(text[1:]).open("rb") as stream:
                # White space does not count, so the file may be longer than its JSON.
                data = stream.read(4 * limit + 1)
        except OSError as error:
            raise SandboxUsageError(f"cannot read {text[1:]}: {error.strerror}") from error
        if len(data) > 4 * limit:
            raise SandboxUsageError(f"{text[1:]} is far over {limit} bytes: pass a smaller input")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SandboxUsageError(
            f"--input is not JSON ({error}): pass JSON, or @FILE to read it from a file"
        ) from error


def _show(result: SandboxResult, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.flush()
    elif result.error is None:
        print(json.dumps(result.value, ensure_ascii=False))
    else:
        print(f"error: {result.error.type}: {result.error.message}", file=sys.stderr)


def _refused(error: ErrorInfo, *, as_json: bool) -> int:
    if as_json:
        told = {**msgspec.to_builtins(error), "hint": _HINT}
        print(json.dumps({"ok": False, "error": told}))
    else:
        print(f"error: {error.message}: {_HINT}", file=sys.stderr)
    return 2
