"""Which targets a function has, and which it misses."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# What a handler takes from the runtime that reaches an AWS service.
AWS_PORTS = frozenset(
    {"orders", "payments", "inventory", "cases", "clients", "connections", "publisher"}
    | {"callbacks", "model_factory", "resolutions", "tasks", "grants", "broker"}
)
READY_SECONDS = {"no AWS": 0.15, "sandbox": 0.15, "AWS": 0.5}
UNZIPPED_MB = {"no AWS": 25.0, "AWS": 25.0, "sandbox": 120.0} | dict.fromkeys(
    ("agent", "domain agent", "protocol"), 150.0
)
# Domain agents miss what other agents keep: they also make their MCP server and open a session
# with it in their INIT, half a second of work that bytecode does not shorten.
TO_PLAIN = {"agent": 0.4, "domain agent": 0.6, "protocol": 0.6}


class Start(NamedTuple):
    """CPU seconds to import the handler, and until it can work; modules loaded by then."""

    imported: float
    ready: float
    modules: int


class Size(NamedTuple):
    """What was measured of one function with its layers, and of its plain build."""

    name: str
    kind: str
    unzipped_mb: float
    zip_mb: float
    start: Start
    plain_mb: float
    plain_zip_mb: float
    plain: Start


def best(starts: Iterable[Start]) -> Start:
    """Return the least of each of several starts."""
    return Start(*(min(each) for each in zip(*starts, strict=True)))


def ports_of(handler: Path) -> list[str]:
    """Return what a handler takes from the runtime, in order: `orders`, `gate`..."""
    tree = ast.parse(handler.read_text(encoding="utf-8"))
    found = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "here"
    ]
    return [name for name in dict.fromkeys(found) if name != "config"]


def kind_of(ports: Iterable[str], layers: Iterable[str]) -> str:
    """Return which targets a function has: the first that fits.

    `agent` runs a model, `domain agent` with MCP tools of its own, `sandbox` foreign code,
    `protocol` serves or checks MCP, A2A or tokens; the others do none of it.
    """
    taken = set(ports)
    if "model_factory" in taken:
        return "domain agent" if "broker" in taken else "agent"
    if "SandboxLayer" in layers:
        return "sandbox"
    if "ProtocolsLayer" in layers:
        return "protocol"
    return "AWS" if AWS_PORTS & taken else "no AWS"


def missed(size: Size) -> list[str]:
    """Return the targets that a function misses, one line each."""
    found = []
    limit = UNZIPPED_MB[size.kind]
    if size.unzipped_mb > limit:
        found.append(f"{size.name}: {size.unzipped_mb:.1f} MB with its layers, over {limit:.0f}")
    seconds = READY_SECONDS.get(size.kind)
    if seconds is not None and size.start.ready > seconds:
        found.append(f"{size.name}: {size.start.ready:.3f} CPU s until ready, over {seconds}")
    share = size.start.imported / size.plain.imported
    most = TO_PLAIN.get(size.kind)
    # At a tenth of a second there is nothing to save.
    if most is not None and share > most and size.start.imported > 0.15:
        found.append(f"{size.name}: its import takes {share:.3f} x plain, over {most}")
    return found
