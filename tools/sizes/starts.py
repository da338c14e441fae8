"""Starts a function in a process of its own, as Lambda does, and returns what that cost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tools.sizes.targets import Start

_CHILD = """
import importlib, json, os, sys, time
paths, ports = json.loads(sys.argv[1]), json.loads(sys.argv[2])
sys.path[:0] = paths
before, loaded = time.process_time(), set(sys.modules)
handler = importlib.import_module("handler")
imported = time.process_time()
from redress.runtime import runtime
here = runtime()
for port in ports:
    made = getattr(here, port)
    if port == "model_factory":
        made()
ready = time.process_time()
print(json.dumps([imported - before, ready - before, len(set(sys.modules) - loaded)]))
"""
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "PATH": "/usr/bin:/bin",
}
_VALUES = {
    "REDRESS_MODEL": "bedrock:amazon.nova-pro-v1:0",
    "REDRESS_CONNECTIONS_URL": "https://example.execute-api.us-east-1.amazonaws.com/live",
    "REDRESS_DEFAULT_PATTERN": "evidence-first",
}


class StartError(Exception):
    """A function does not start from what was built; the message is Python's."""


class Startable(NamedTuple):
    """A function as Python finds it.

    Attributes:
        paths: Where modules are looked for, in order.
        opt: What stands for /opt, where its variables name it.
        ports: What it takes from the runtime.
        variables: Its environment.
    """

    paths: list[Path]
    opt: Path
    ports: list[str]
    variables: dict[str, str]


def start(function: Startable) -> Start:
    """Import a function's handler and make what it needs.

    Raises:
        StartError: It does not start.
    """
    settings = {
        name: value.replace("/opt", str(function.opt), 1) if value.startswith("/opt") else value
        for name, value in function.variables.items()
    }
    paths = json.dumps([str(path) for path in function.paths])
    ran = subprocess.run(
        [sys.executable, "-S", "-I", "-B", "-c", _CHILD, paths, json.dumps(function.ports)],
        env=_ENVIRONMENT | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise StartError(ran.stderr.strip())
    return Start(*json.loads(ran.stdout.splitlines()[-1]))


def variables_of(properties: dict[str, Any]) -> dict[str, str]:
    """Return a function's environment with a likely text for each value that AWS would know.

    Args:
        properties: The function's, in the template.
    """
    given = properties.get("Environment", {}).get("Variables", {})
    return {
        name: value if isinstance(value, str) else _VALUES.get(name, "a-name")
        for name, value in given.items()
    }
