"""Starts the engines before the first program, and stops them after the last."""

from collections.abc import Sequence
from pathlib import Path

from redress.sandbox import monty_engine
from redress.sandbox.models import EngineName


def warm_up(
    engines: Sequence[EngineName] = ("monty",),
    *,
    wasi_module: Path | None = None,
    cache_folder: Path | None = None,
) -> None:
    """Do what the first run of each tier would: start a worker, find or compile the interpreter.

    Raises:
        SandboxUnavailableError: A tier does not work here.
    """
    if "monty" in engines:
        monty_engine.warm_up()
    if "wasi" in engines:
        from redress.sandbox import wasi_engine

        wasi_engine.find_module(wasi_module, cache_folder)


def close() -> None:
    """Stop the idle worker of tier 1; the next run starts another."""
    monty_engine.close()
