"""Measures one peer in its own process and prints one JSON line.

Settings come from the environment, set by run.py: BENCH_FOLDER (a scratch folder, best on a
memory file system), BENCH_CASES (in sequence), BENCH_WARM (not counted), BENCH_CONCURRENT (cases
run 20 at a time), BENCH_STARTED (epoch seconds when the process was started), BENCH_PIDS (helper
processes whose CPU counts too).
"""

import asyncio
import inspect
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import work

FOLDER = Path(os.environ.get("BENCH_FOLDER", "/tmp/redress-bench"))
CASES = int(os.environ.get("BENCH_CASES", "60"))
WARM = int(os.environ.get("BENCH_WARM", "10"))
CONCURRENT = int(os.environ.get("BENCH_CONCURRENT", "200"))
WIDTH = 20

Run = Callable[[str], dict[str, Any]] | Callable[[str], Awaitable[dict[str, Any]]]


def cpu_seconds() -> float:
    """CPU seconds of this process and of the helpers named in BENCH_PIDS."""
    seconds = time.process_time()
    for pid in os.environ.get("BENCH_PIDS", "").split():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def resident_mb() -> int:
    """Peak resident MB of this process plus what the helpers hold now."""
    total = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for pid in os.environ.get("BENCH_PIDS", "").split():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1]) // 1024
    return total


def check(result: dict[str, Any]) -> None:
    """Stop the run when a case did not end in its refund."""
    if result.get("amount_minor") != work.DECISION["refund_minor"]:
        raise SystemExit(f"wrong result: {result}")


def measure(name: str, run: Run, refunds: Callable[[], int], durable: str) -> None:
    """Run the first case, the warm-up, the sequence and the concurrent batch; print the figures.

    Args:
        name: what the table calls the peer.
        run: resolves one case by its id; returns {"amount_minor": int, ...}.
        refunds: counts the refund rows written.
        durable: what survives a crash, in words.
    """
    started = float(os.environ.get("BENCH_STARTED") or time.time())
    asynchronous = inspect.iscoroutinefunction(run)
    if asynchronous:
        loop = asyncio.new_event_loop()
        one = lambda case: loop.run_until_complete(run(case))  # noqa: E731

        def batch(cases: list[str]) -> list[dict[str, Any]]:
            gate = asyncio.Semaphore(WIDTH)

            async def guarded(case: str) -> dict[str, Any]:
                async with gate:
                    return await run(case)

            async def everything() -> list[dict[str, Any]]:
                return await asyncio.gather(*map(guarded, cases))

            return loop.run_until_complete(everything())
    else:
        one = run
        pool = ThreadPoolExecutor(WIDTH)

        def batch(cases: list[str]) -> list[dict[str, Any]]:
            return list(pool.map(run, cases))

    check(one("first"))
    first = time.time() - started
    for index in range(WARM):
        check(one(f"warm-{index}"))
    walls = []
    cpu = cpu_seconds()
    for index in range(CASES):
        begin = time.perf_counter()
        check(one(f"seq-{index}"))
        walls.append(time.perf_counter() - begin)
    cpu = cpu_seconds() - cpu
    for result in batch([f"warm-batch-{index}" for index in range(WIDTH)]):
        check(result)
    begin, batch_cpu = time.perf_counter(), cpu_seconds()
    for result in batch([f"batch-{index}" for index in range(CONCURRENT)]):
        check(result)
    wall, batch_cpu = time.perf_counter() - begin, cpu_seconds() - batch_cpu
    expected = 1 + WARM + CASES + WIDTH + CONCURRENT
    print(
        json.dumps(
            {
                "peer": name,
                "durable": durable,
                "cpu_ms": cpu / CASES * 1e3,
                "wall_ms": statistics.median(walls) * 1e3,
                "cases_per_s": CONCURRENT / wall,
                "batch_cpu_ms": batch_cpu / CONCURRENT * 1e3,
                "peak_mb": resident_mb(),
                "first_s": first,
                "refunds": refunds(),
                "refunds_expected": expected,
            }
        ),
        flush=True,
    )
