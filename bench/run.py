"""Measures Redress beside its peers in one interleaved run and prints medians and ratios.

    make bench                          everything, three rounds
    python bench/run.py --only peers    one part, e.g. peers, engine, workflow, mcp, a2a or emulated
    python bench/run.py --json          for scripts

Every peer runs in its own process, in turn, round after round, so that a machine that gets slower
slows all of them. A round whose refund rows do not count up is void.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
TOOLS = ROOT / ".tools" / "bench"
OURS = "Redress, bench case"
EMULATED_CASES = 200
PARTS = ("peers", "engine", "growth", "workflow", "mcp", "a2a", "emulated")

Row = dict[str, Any]


def say(text: str) -> None:
    """Report progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def peer_python() -> Path:
    """Return the interpreter of the peers' own venv; make it first where it is not current."""
    locked = BENCH / "peers" / "requirements.txt"
    stamp = TOOLS / "stamp"
    digest = hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()
    python = TOOLS / "venv" / "bin" / "python"
    if not (stamp.exists() and stamp.read_text() == digest):
        say("installing the peers into .tools/bench (once)")
        uv = ROOT / ".tools" / "uv" / "bin" / "uv"
        subprocess.run(
            [uv, "venv", "-q", "--clear", "-p", sys.executable, TOOLS / "venv"], check=True
        )
        command = [uv, "pip", "install", "-q", "--require-hashes", "-p", python, "-r", locked]
        subprocess.run(command, check=True)
        stamp.write_text(digest)
    return python


def node_modules() -> Path | None:
    """Return the folder that holds the Restate server, or None where npm is absent."""
    folder = TOOLS / "node"
    if not (folder / "node_modules").exists():
        if shutil.which("npm") is None:
            say("npm is absent: the Restate peer is left out")
            return None
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(BENCH / "peers" / "package.json", folder)
        subprocess.run(["npm", "install", "--silent", "--no-package-lock"], cwd=folder, check=True)
    return folder / "node_modules"


def run_script(python: Path | str, script: Path, *arguments: str, **extra: str) -> Row:
    """Run one measuring script in a fresh process and return the JSON of its last line."""
    environment = {
        **os.environ,
        "OTEL_SDK_DISABLED": "true",
        "BENCH_STARTED": repr(time.time()),
        **extra,
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [str(python), str(script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    if done.returncode:
        raise SystemExit(f"bench: {script.name} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def medians(rounds: list[Row]) -> Row:
    """Take the median of every number over the rounds; keep the words of the first."""
    first = rounds[0]
    return {
        key: statistics.median(r[key] for r in rounds)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else value
        for key, value in first.items()
    }


def measure_peers(rounds: int, scratch: Path) -> list[Row]:
    """Run all peers and our own case in turn."""
    theirs, modules = peer_python(), node_modules()
    scripts: list[tuple[Path | str, Path]] = [(sys.executable, BENCH / "redress_case.py")]
    names = [
        "floor",
        "strands_alone",
        "langgraph_sqlite",
        "openai_agents",
        "pydantic_ai_alone",
        "pydantic_ai_dbos",
        "lambda_durable",
    ]
    scripts += [(theirs, BENCH / "peers" / f"{name}.py") for name in names]
    if modules:
        scripts.append((theirs, BENCH / "peers" / "restate_python.py"))
    scripts.append((sys.executable, BENCH / "peers" / "moto_states.py"))
    results: dict[str, list[Row]] = {}
    for number in range(rounds):
        for python, script in scripts:
            say(f"round {number + 1} of {rounds}: {script.stem}")
            row = run_script(
                python,
                script,
                BENCH_FOLDER=str(scratch),
                BENCH_NODE_MODULES=str(modules or ""),
            )
            row["valid"] = row["refunds"] == row["refunds_expected"]
            results.setdefault(row["peer"], []).append(row)
    rows = []
    for found in results.values():
        row = medians(found)
        row["valid"] = all(r["valid"] for r in found)
        rows.append(row)
    ours = next(row for row in rows if row["peer"] == OURS)
    # The ratio is taken within each round, where both ran under the same load.
    for row in rows:
        pairs = zip(results[OURS], results[row["peer"]], strict=True)
        row["ours_to_theirs"] = statistics.median(a["cpu_ms"] / b["cpu_ms"] for a, b in pairs)
    return [ours, *sorted((r for r in rows if r is not ours), key=lambda r: float(r["cpu_ms"]))]


def measure_engine(rounds: int, scratch: Path) -> Row:
    """Our engine and moto's on the same 12 states with trivial handlers."""
    pairs = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: engine alone")
        script = BENCH / "engine_states.py"
        ours = run_script(sys.executable, script, "ours", BENCH_FOLDER=str(scratch))
        moto = run_script(sys.executable, script, "moto", BENCH_FOLDER=str(scratch))
        pairs.append(
            {
                "ours_cpu_ms": ours["cpu_ms"],
                "moto_cpu_ms": moto["cpu_ms"],
                "moto_to_ours": moto["cpu_ms"] / ours["cpu_ms"],
                "states": ours["states"],
            }
        )
    return medians(pairs)


def measure_growth(scratch: Path, cases: int) -> Row:
    """Resident memory over thousands of bench cases in one process."""
    say(f"memory over {cases} cases")
    script = BENCH / "growth.py"
    return run_script(sys.executable, script, str(cases), BENCH_FOLDER=str(scratch))


def measure_workflow(rounds: int, scratch: Path) -> list[Row]:
    """The real resolve_case by pattern: CPU by part, and what the model reads."""
    results: dict[str, list[Row]] = {}
    for number in range(rounds):
        for pattern in ("evidence-first", "monolith"):
            say(f"round {number + 1} of {rounds}: resolve_case, {pattern}")
            row = run_script(
                sys.executable, BENCH / "workflow.py", pattern, BENCH_FOLDER=str(scratch)
            )
            results.setdefault(pattern, []).append(row)
    rows = [medians(found) for found in results.values()]
    base = next(row for row in rows if row["pattern"] == "monolith")["model_input_bytes"]
    for row in rows:
        row["input_to_monolith"] = row["model_input_bytes"] / base
    return rows


def measure_mcp(rounds: int) -> Row:
    """One MCP call of an agent run, beside Strands' client as it comes."""
    found = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: MCP calls")
        found.append(run_script(sys.executable, BENCH / "mcp_call.py"))
    return medians(found)


def measure_a2a(rounds: int) -> Row:
    """One A2A message, beside Strands' client as it comes."""
    theirs = peer_python()
    found = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: A2A messages")
        ours = run_script(sys.executable, BENCH / "a2a_message.py")
        peer = run_script(theirs, BENCH / "peers" / "strands_a2a.py")
        found.append(
            {
                "ours_cpu_ms": ours["cpu_ms"],
                "ours_wall_ms": ours["wall_ms"],
                **peer,
                "cpu_to_default": ours["cpu_ms"] / peer["new_cpu_ms"],
                "cpu_to_kept": ours["cpu_ms"] / peer["kept_cpu_ms"],
            }
        )
    return medians(found)


def measure_emulated(rounds: int, scratch: Path) -> Row:
    """The emulated cloud's own costs beside moto's server and AWS's emulator; then many cases."""
    script = BENCH / "emulated.py"
    found = []
    for number in range(rounds):
        row: Row = {}
        for part in ("calls", "moto", "rie"):
            say(f"round {number + 1} of {rounds}: emulated cloud, {part}")
            row |= run_script(sys.executable, script, part, BENCH_FOLDER=str(scratch))
        ours = row["dynamodb_hop_ms"] + row["dynamodb_moto_ms"]
        row["dynamodb_to_moto"] = ours / row["moto_dynamodb_ms"]
        row["states_to_moto"] = row["states_ms"] / row["moto_states_ms"]
        if "rie_host_ms" in row:
            ours = row["invoke_host_ms"] + row["invoke_worker_ms"]
            row["invoke_to_rie"] = ours / (row["rie_host_ms"] + row["rie_worker_ms"])
        found.append(row)
    say(f"emulated cloud, {EMULATED_CASES} cases at once, twice")
    cases = run_script(
        sys.executable, script, "cases", str(EMULATED_CASES), BENCH_FOLDER=str(scratch)
    )
    cases["valid"] = not cases["wrong"] and not cases["left"]
    return {"calls": medians(found), "cases": cases}


def table(rows: list[Row], columns: dict[str, tuple[str, str]]) -> str:
    """Format rows as a Markdown table; columns map a key to (title, number format)."""
    lines = ["| " + " | ".join(title for title, _ in columns.values()) + " |"]
    lines.append("|" + "---|" * len(columns))
    for row in rows:
        cells = []
        for key, (_, form) in columns.items():
            value = row.get(key, "")
            cells.append(format(value, form) if isinstance(value, int | float) else str(value))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def targets(results: Row) -> list[str]:
    """Say of every target whether it is met, and by how much it is missed."""
    lines = []

    def judge(name: str, value: float, limit: float) -> None:
        over = f" by {value / limit - 1:.0%}" if limit else ""
        verdict = "met" if value <= limit else f"missed{over}"
        lines.append(f"- {name}: {value:.3g} (target at most {limit:.3g}): {verdict}")

    if peers := results.get("peers"):
        ratio = {row["peer"]: row["ours_to_theirs"] for row in peers}
        judge("bench case to Strands alone", ratio["Strands alone"], 1.15)
        judge("bench case to LangGraph + SQLite", ratio["LangGraph + SQLite"], 0.5)
    if engine := results.get("engine"):
        judge("engine to moto on the same 12 states", 1 / engine["moto_to_ours"], 1 / 60)
        judge("engine, CPU ms per 12 states", engine["ours_cpu_ms"], 4)
    if growth := results.get("growth"):
        judge("memory growth, KB per case", growth["kb_per_case"], 14)
    if workflow := results.get("workflow"):
        first = next(row for row in workflow if row["pattern"] == "evidence-first")
        judge("model input of evidence-first to monolith", first["input_to_monolith"], 0.12)
    if mcp := results.get("mcp"):
        judge("MCP call, CPU to Strands' default client", mcp["cpu_to_default"], 0.08)
        judge("MCP call, wall time to it", mcp["wall_to_default"], 0.08)
    if a2a := results.get("a2a"):
        judge("A2A message, CPU to Strands' default client", a2a["cpu_to_default"], 0.1)
        judge("A2A message, CPU to it with its agent and card kept", a2a["cpu_to_kept"], 0.1)
    if emulated := results.get("emulated"):
        calls, cases = emulated["calls"], emulated["cases"]
        judge("emulated cloud, start to ready, s", calls["start_s"], 5)
        judge("warm invocation, CPU ms in the host", calls["invoke_host_ms"], 1.5)
        judge("proxied DynamoDB call, CPU ms of the hop", calls["dynamodb_hop_ms"], 1)
        judge("12 states over HTTP to moto", calls["states_to_moto"], 0.1)
        judge("emulated cases not done exactly once", cases["wrong"], 0)
        judge("memory growth of the main process, KB per case", cases["grown_kb"], 60)
        judge("processes left behind", cases["left"], 0)
    return lines


def emulated_text(measured: Row) -> str:
    """Format what the emulated cloud costs."""
    calls, cases = measured["calls"], measured["cases"]
    no_peer = {"peer": "", "peer_ms": "", "ratio": ""}
    rows: list[Row] = [
        {
            "what": "warm invocation of a function",
            "main": calls["invoke_host_ms"],
            "other": calls["invoke_worker_ms"],
            "peer": "AWS's Runtime Interface Emulator",
            "peer_ms": calls.get("rie_host_ms", 0) + calls.get("rie_worker_ms", 0),
            "ratio": calls["invoke_to_rie"],
        }
        if "invoke_to_rie" in calls
        else {
            "what": "warm invocation of a function",
            "main": calls["invoke_host_ms"],
            "other": calls["invoke_worker_ms"],
            **no_peer,
        },
        {
            "what": "DynamoDB call (put, get, query)",
            "main": calls["dynamodb_hop_ms"],
            "other": calls["dynamodb_moto_ms"],
            "peer": "moto's own server",
            "peer_ms": calls["moto_dynamodb_ms"],
            "ratio": calls["dynamodb_to_moto"],
        },
        {
            "what": "12 Pass states, started and asked for over HTTP",
            "main": calls["states_ms"],
            "other": "",
            "peer": "moto's own server",
            "peer_ms": calls["moto_states_ms"],
            "ratio": calls["states_to_moto"],
        },
        {"what": "PutEvents", "main": calls["put_events_ms"], "other": "", **no_peer},
    ]
    columns = {
        "what": ("CPU ms of the servers for one", ""),
        "main": ("main process", ".2f"),
        "other": ("worker or moto", ".2f"),
        "peer": ("peer", ""),
        "peer_ms": ("peer's CPU ms", ".2f"),
        "ratio": ("Redress to it", ".2f"),
    }
    return table(rows, columns) + (
        "\n\nFrom start to ready {start_s:.1f} s; stopped in {stop_s:.1f} s.".format(**calls)
        + (
            "\n\n{cases} cases at once in {seconds:.0f} s, CPU ms per case: main {main_ms:.0f},"
            " moto {moto_ms:.0f}, workers {workers_ms:.0f} (with their cold starts). Cases not done"
            " exactly once: {wrong}. The main process then holds {main_mb:.0f} MB, and"
            " {grown_kb:.0f} KB more for each of {cases} further cases. Stopped in {stop_s:.1f} s;"
            " processes left: {left}."
        ).format(**cases)
    )


def mcp_text(measured: Row) -> str:
    """Format what one MCP call costs."""
    ways = {
        "ours": "Redress: the process's session in memory, one call",
        "default": "Strands' default client: a fresh `MCPClient(url=...)`: connect, list, call",
        "events": "the function behind API Gateway: one event (client not counted)",
    }
    rows: list[Row] = [
        {
            "what": what,
            "cpu": measured[f"{way}_cpu_ms"],
            "wall": measured[f"{way}_wall_ms"],
            "ratio": measured["cpu_to_default"] if way == "ours" else "",
        }
        for way, what in ways.items()
    ]
    columns = {
        "what": ("one call of `get_order`, token exchanged and checked", ""),
        "cpu": ("CPU ms, client and server", ".2f"),
        "wall": ("wall ms", ".2f"),
        "ratio": ("CPU to the default", ".3f"),
    }
    return table(rows, columns)


def a2a_text(measured: Row) -> str:
    """Format what one A2A message costs."""
    ways = {
        "ours": ("Redress: `DomainAgents.ask`, durable task and all checks", ""),
        "new": ("Strands' default client: `A2AAgent(url)`, one message", "cpu_to_default"),
        "kept": ("the same with the agent and its card kept", "cpu_to_kept"),
    }
    rows: list[Row] = [
        {
            "what": what,
            "cpu": measured[f"{way}_cpu_ms"],
            "wall": measured[f"{way}_wall_ms"],
            "ratio": measured[ratio] if ratio else "",
        }
        for way, (what, ratio) in ways.items()
    ]
    columns = {
        "what": ("one message over HTTP and its report", ""),
        "cpu": ("CPU ms, client and server", ".2f"),
        "wall": ("wall ms", ".2f"),
        "ratio": ("Redress to it, CPU", ".3f"),
    }
    return table(rows, columns)


def report(results: Row) -> str:
    """Format everything that was measured."""
    parts = []
    if "peers" in results:
        columns = {
            "peer": ("peer", ""),
            "cpu_ms": ("CPU ms per case", ".2f"),
            "ours_to_theirs": ("Redress to it", ".2f"),
            "wall_ms": ("wall ms", ".2f"),
            "cases_per_s": ("cases/s, 20 at once", ".0f"),
            "peak_mb": ("peak MB", ".0f"),
            "first_s": ("start to first case, s", ".2f"),
            "durable": ("durable", ""),
            "valid": ("refund rows right", ""),
        }
        parts.append("## The same case beside its peers\n\n" + table(results["peers"], columns))
    if "engine" in results:
        parts.append(
            "## The engine alone, 12 states\n\n"
            "Redress {ours_cpu_ms:.2f} CPU ms, moto {moto_cpu_ms:.1f}: {moto_to_ours:.0f} times "
            "less.".format(**results["engine"])
        )
    if "growth" in results:
        parts.append(
            "## Memory\n\n{kb_per_case:.1f} KB more per case over {cases} cases.".format(
                **results["growth"]
            )
        )
    if "workflow" in results:
        columns = {
            "pattern": ("pattern", ""),
            "cpu_ms": ("CPU ms per case", ".1f"),
            "engine": ("engine", ".0%"),
            "agent": ("agent", ".0%"),
            "sandbox": ("sandbox", ".0%"),
            "policy": ("policy", ".0%"),
            "store": ("store", ".0%"),
            "other": ("other", ".0%"),
            "model_calls": ("model calls", ".0f"),
            "model_input_bytes": ("model input bytes", ".0f"),
            "input_to_monolith": ("to monolith", ".3f"),
            "accuracy": ("accuracy", ".3f"),
        }
        parts.append("## resolve_case as it is\n\n" + table(results["workflow"], columns))
    if "mcp" in results:
        parts.append("## One MCP call\n\n" + mcp_text(results["mcp"]))
    if "a2a" in results:
        parts.append("## One A2A message\n\n" + a2a_text(results["a2a"]))
    if "emulated" in results:
        parts.append("## The emulated cloud\n\n" + emulated_text(results["emulated"]))
    parts.append("## Targets\n\n" + "\n".join(targets(results)))
    return "\n\n".join(parts)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default 3)")
    parser.add_argument("--cases", type=int, default=5000, help="cases of the memory run")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    memory = Path("/dev/shm")
    scratch = (memory if memory.is_dir() else ROOT / "build") / f"redress-bench-{os.getpid()}"
    parts: dict[str, Callable[[], Any]] = {
        "peers": lambda: measure_peers(arguments.rounds, scratch),
        "engine": lambda: measure_engine(arguments.rounds, scratch),
        "growth": lambda: measure_growth(scratch, arguments.cases),
        "workflow": lambda: measure_workflow(arguments.rounds, scratch),
        "mcp": lambda: measure_mcp(arguments.rounds),
        "a2a": lambda: measure_a2a(arguments.rounds),
        "emulated": lambda: measure_emulated(arguments.rounds, scratch),
    }
    try:
        results = {name: part() for name, part in parts.items() if arguments.only in (None, name)}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(results, indent=2) if arguments.json else report(results))
    valid = all(row["valid"] for row in results.get("peers", []))
    if "emulated" in results:
        valid = valid and results["emulated"]["cases"]["valid"]
    if not valid:
        say("a run is void: its refunds do not count up, or processes are left")
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
