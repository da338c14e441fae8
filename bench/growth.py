"""How much resident memory grows per bench case; prints one JSON line."""

import gc
import json
import sys
from pathlib import Path

import harness
import work
from bench_machine import BenchCase

WARM = 300


def resident_kb() -> int:
    """Resident KB of this process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def main() -> None:
    cases = int(sys.argv[1])
    bench = BenchCase(work.fresh_folder(harness.FOLDER, "growth"))
    for index in range(WARM):
        harness.check(bench.run(f"warm-{index}"))
    before = resident_kb()
    for index in range(cases):
        harness.check(bench.run(f"case-{index}"))
    grown = resident_kb() - before
    if bench.refunds() != WARM + cases:
        raise SystemExit("void: the refund rows do not count up")
    print(json.dumps({"cases": cases, "kb_per_case": grown / cases, "grown_kb": grown}))


if __name__ == "__main__":
    main()
