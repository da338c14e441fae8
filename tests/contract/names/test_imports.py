"""A deterministic function imports nothing heavy when Lambda loads it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
AGENTS = {
    "conclude_investigation",
    "investigate_monolith",
    "investigate_orchestrator",
    "run_orders_agent",
    "run_payments_agent",
    "run_inventory_agent",
}
# They serve MCP, and import it in their INIT; no agent framework comes with it.
TOOLS = {"serve_orders_tools", "serve_payments_tools", "serve_inventory_tools"}
# They serve A2A, and import it in their INIT; neither MCP nor an agent framework comes with it.
A2A = {"serve_orders_agent", "serve_payments_agent", "serve_inventory_agent"}
# They ask the policy gate, and so carry PolicyLayer.
GATED = {"decide_by_policy", "issue_refund"}
LIGHT = sorted(
    path.name
    for path in (ROOT / "functions").iterdir()
    if path.is_dir() and path.name not in AGENTS | TOOLS | A2A
)
HEAVY = {
    "asl_engine",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "cedarpy",
    "cryptography",
    "fastmcp",
    "joserfc",
    "mcp",
    "openai",
    "opentelemetry",
    "pydantic",
    "redress_local",
    "strands",
    "wasmtime",
    "yaml",
}

LOAD = """
import importlib.util, json, sys
root, folders, heavy = json.loads(sys.argv[1])
found = {}
for folder in folders:
    spec = importlib.util.spec_from_file_location(folder, f"{root}/functions/{folder}/handler.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    seen = {name.split(".")[0] for name in sys.modules} & set(heavy)
    heavy = set(heavy) - seen
    if seen:
        found[folder] = sorted(seen)
print(json.dumps(found))
"""


def load(folders: list[str]) -> dict[str, list[str]]:
    """Import handlers in a fresh process; return what heavy modules each was first to bring in."""
    argument = json.dumps([str(ROOT), folders, sorted(HEAVY)])
    # Nothing is set: a handler that reads its environment while it is imported would fail here.
    done = subprocess.run(
        [sys.executable, "-c", LOAD, argument], capture_output=True, text=True, env={}, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_light_handlers_import_nothing_heavy() -> None:
    assert load([folder for folder in LIGHT if folder not in GATED]) == {}


def test_handlers_behind_the_gate_import_cedar_at_most() -> None:
    assert {name for names in load(sorted(GATED)).values() for name in names} <= {"cedarpy"}


def test_tools_bring_no_agent_framework_and_no_cloud() -> None:
    found = {name for names in load(sorted(TOOLS)).values() for name in names}
    assert {"fastmcp", "mcp"} <= found
    assert not found & {"asl_engine", "boto3", "botocore", "openai", "redress_local", "strands"}


def test_agents_do() -> None:
    """What the test above looks for is found where it belongs."""
    assert "strands" in load(sorted(AGENTS))["conclude_investigation"]
