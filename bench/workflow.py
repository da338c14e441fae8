"""The real resolve_case on generated cases by one pattern: CPU by part; prints one JSON line.

Everything runs in this thread, so its CPU clock can be cut into parts: the innermost part that is
running gets the time. The sandbox's interpreter runs in a child process, which is added to it.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast, get_args

from asl_engine import SqliteJournal
from redress.adapters.sqlite.repository import SqliteRepository, SqliteStore
from redress.models.case import Pattern
from redress_local.embedded.functions import FunctionHost
from redress_local.evaluation.cpu import cpu_seconds
from redress_local.evaluation.run import evaluate
from redress_local.shop.generator import generate_cases

CASES, WARM, SEED = 60, 12, 11
PARTS = {
    "ConcludeInvestigationFunction": "agent",
    "InvestigateMonolithFunction": "agent",
    "ReconcileFunction": "sandbox",
    "DecideByPolicyFunction": "policy",
}


class Clocked:
    """Gives the CPU time of this thread to the innermost running part."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._running = ["engine"]
        self._since = time.thread_time()

    def _charge(self) -> None:
        now = time.thread_time()
        self.spent[self._running[-1]] += now - self._since
        self._since = now

    def wrap(self, function: Callable[..., Any], part: Callable[..., str]) -> Callable[..., Any]:
        """Charge calls of a function to the part that `part` names from its arguments."""

        def clocked(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self._running.append(part(*args))
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._running.pop()

        return clocked

    def reset(self) -> None:
        """Forget what was spent so far."""
        self._charge()
        self.spent.clear()

    def total(self) -> float:
        """Seconds of all parts."""
        self._charge()
        return sum(self.spent.values())


def part_of(host: FunctionHost, name: str, payload: bytes) -> str:
    """Name the part that a function belongs to; every other step is `other`."""
    function = host._functions[name]
    return PARTS.get(function.logical_id, "other")


def main() -> None:
    pattern = cast(Pattern, sys.argv[1])
    if pattern not in get_args(Pattern):
        raise SystemExit(f"no such pattern: {pattern}")
    clocked = Clocked()
    patched: list[tuple[type, str, Callable[..., str]]] = [
        (FunctionHost, "invoke", part_of),
        (SqliteStore, "execute", lambda *_: "store"),
        (SqliteRepository, "commit", lambda *_: "store"),
        (SqliteJournal, "commit", lambda *_: "store"),
    ]
    for owner, name, part in patched:
        setattr(owner, name, clocked.wrap(getattr(owner, name), part))
    shop, labels = generate_cases(CASES + WARM, SEED)
    done = 0
    everything = 0.0

    def count() -> None:
        nonlocal done, everything
        done += 1
        if done == WARM:
            clocked.reset()
            everything = cpu_seconds()

    result = evaluate(shop, labels, pattern, on_case=count)
    everything = cpu_seconds() - everything
    here = clocked.total()
    clocked.spent["sandbox"] += max(0.0, everything - here)
    total = sum(clocked.spent.values())
    row = {
        "pattern": pattern,
        "cpu_ms": total / CASES * 1e3,
        **{
            part: clocked.spent[part] / total
            for part in ("engine", "agent", "sandbox", "policy", "store", "other")
        },
        "model_calls": result["model_calls"] / result["cases"],
        "model_input_bytes": result["model_input_bytes"] / result["cases"],
        "accuracy": result["accuracy"],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
