"""Consoles and JSON output; plain text where there is no terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

STDIN = "/dev/stdin"
_PIPE_WIDTH = 120
_STRANGE = "\N{REPLACEMENT CHARACTER}"


def console(*, stderr: bool = False) -> Console:
    """A console: colours and the terminal's width on a terminal, plain text of 120 elsewhere."""
    from rich.console import Console

    class PipeConsole(Console):
        """Goes on in silence when nobody reads any more: the work does not depend on it."""

        def on_broken_pipe(self) -> None:
            self.quiet = True
            silence(stream)

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return PipeConsole(
        file=stream, stderr=stderr, width=width, markup=False, highlight=False, emoji=False
    )


class OutputError(Exception):
    """Standard output cannot be written: the disk that it goes to is full, for example."""


def attach() -> None:
    """Open what the caller closed, so that output goes nowhere instead of failing."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def flush() -> None:
    """Flush standard output.

    Raises:
        BrokenPipeError: Nobody reads any more.
        OutputError: It cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror}") from error


def silence(stream: TextIO) -> None:
    """Send what is left for a closed pipe nowhere, so that it does not fail at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write(data: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        BrokenPipeError: Nobody reads any more.
        OutputError: It cannot be written.
    """
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror}") from error


def print_json(value: Any) -> None:
    """Print one JSON object, indented, as UTF-8."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=2)
    write(data + b"\n")
    flush()


def clean(text: Any) -> str:
    """Text from outside, with what could steer a terminal replaced."""
    return "".join(c if c.isprintable() or c == "\n" else _STRANGE for c in str(text))


def progress_bar() -> Progress:
    """A progress bar on stderr, on a terminal only; it vanishes when the work is done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    err = console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
