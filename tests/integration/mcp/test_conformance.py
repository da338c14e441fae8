"""MCP's conformance suite against each server: no new failure, and no expected one that passes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conformance_things import add_everything
from mcp_world import DOMAINS, ROOT, ToolWorld, serving
from redress.models.investigation import DomainName
from starlette.types import ASGIApp, Receive, Scope, Send

NODE = ROOT / "tools" / "node" / "run.py"
BASELINE = Path(__file__).parent / "conformance-baseline.yaml"

# What is held against the servers beyond the absence of surprises: these run and pass.
PASSING = {
    "server-initialize",
    "ping",
    "logging-set-level",
    "tools-list",
    "tools-call-error",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
}


# Node is installed on the first run, which may take a minute.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module", autouse=True)
def suite() -> None:
    """Install what is not there yet; without it these tests fail, for they prove nothing then."""
    done = subprocess.run(
        [sys.executable, str(NODE)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


# What no server of ours does, whatever it offers; see the baseline for the reasons.
NEVER = {
    "completion-complete",
    "tools-call-with-logging",
    "tools-call-with-progress",
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "server-sse-multiple-streams",
    "resources-subscribe",
    "resources-unsubscribe",
}


class LetIn:
    """Gives each request a token, for the suite knows none; all else is the servers' own front."""

    def __init__(self, app: ASGIApp, world: ToolWorld, domain: DomainName) -> None:
        self._app = app
        self._world = world
        self._domain = domain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            bearer = f"Bearer {self._world.token(self._domain)}".encode()
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", bearer)]}
        await self._app(scope, receive, send)


def conformance(
    world: ToolWorld, domain: DomainName, folder: Path, baseline: Path, server: Any = None
) -> subprocess.CompletedProcess[str]:
    """Run the suite against a domain's server."""
    app = LetIn(world.front(domain, server).app("http://127.0.0.1"), world, domain)
    with serving(app) as url:
        where = ["--url", f"{url}/mcp/{domain}", "--output-dir", str(folder)]
        known = ["--expected-failures", str(baseline)]
        return subprocess.run(
            [sys.executable, str(NODE), "conformance", "server", *where, *known],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )


@pytest.mark.parametrize("domain", DOMAINS)
def test_conformance(world: ToolWorld, domain: DomainName, tmp_path: Path) -> None:
    done = conformance(world, domain, tmp_path, BASELINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    summary = done.stdout.partition("SUMMARY")[2]
    for scenario in PASSING:
        (line,) = (one for one in summary.splitlines() if f" {scenario}: " in one)
        assert line.startswith("✓"), line
        assert "0 passed" not in line


def test_with_the_suites_own_things(world: ToolWorld, tmp_path: Path) -> None:
    """What fails for want of the suite's tools, resources and prompts passes where they are.

    So the way through guard, tokens and front is not what fails.
    """
    server = world.server("orders")
    add_everything(server)
    known = tmp_path / "known.yaml"
    known.write_text(f"server: {json.dumps(sorted(NEVER))}", encoding="utf-8")
    done = conformance(world, "orders", tmp_path, known, server=server)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("gone", "added", "reason"),
    [("tools-call-image", "", "tools-call-image"), ("", "  - ping\n", "ping")],
    ids=["a new failure", "an expected failure that passes"],
)
def test_the_baseline_is_exact(
    world: ToolWorld, tmp_path: Path, gone: str, added: str, reason: str
) -> None:
    """What the test above says depends on the suite's saying so."""
    text = BASELINE.read_text(encoding="utf-8")
    changed = tmp_path / "baseline.yaml"
    if gone:
        assert f"  - {gone}\n" in text
        text = text.replace(f"  - {gone}\n", "")
    changed.write_text(text + added, encoding="utf-8")
    done = conformance(world, "orders", tmp_path, changed)
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if line.startswith("  ") and "~" not in line]
    assert [line.split()[-1] for line in told] == [reason]
