"""Measures what `sam build` made of each function: megabytes, import seconds, modules.

python tools/sizes.py [--build FOLDER] [--readme FILE]

Each function is started as Lambda does it: its folder, its layers in the template's order and what
the runtime itself brings (boto3) are all that Python finds; nothing can be written, and every file
is of 1980, as in the archives that the SAM CLI makes. "Plain" is what `sam build` makes by itself:
the same without bytecode, and for agents with the boto3 that Strands asks pip for, which then hides
the runtime's own. "Ready" is import plus everything that a first invocation makes before it works:
clients, policies, model.

The table goes between the markers in README.md. Exit code 1: a target is missed; 2: nothing built.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from redress_local.lambda_service.opt import link_distributions, merge_layers, runtime_layer
from redress_local.template_document import load_document

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- sizes: made by `make sizes` -->", "<!-- end of sizes -->"
EPOCH_1980 = 315_532_800
ROUNDS, MOST_ROUNDS = 2, 6
MB = 1_000_000

# What a handler takes from the runtime that reaches an AWS service.
AWS_PORTS = frozenset(
    {"orders", "payments", "inventory", "cases", "clients", "connections", "publisher"}
    | {"callbacks", "model_factory"}
)
READY_SECONDS = {"no AWS": 0.15, "sandbox": 0.15, "AWS": 0.5}
UNZIPPED_MB = {"no AWS": 25.0, "AWS": 25.0, "sandbox": 120.0, "agent": 150.0}
AGENT_TO_PLAIN = 0.4

# What pip adds to a bundle that holds Strands, though the runtime has it.
BOTO3 = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")

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


class Start(NamedTuple):
    """CPU seconds to import the handler, and until it can work; modules loaded by then."""

    imported: float
    ready: float
    modules: int


def best(starts: list[Start]) -> Start:
    """Return the least of each of several starts."""
    return Start(
        min(start.imported for start in starts),
        min(start.ready for start in starts),
        min(start.modules for start in starts),
    )


class Size(NamedTuple):
    """What was measured of one function with its layers."""

    name: str
    kind: str
    unzipped_mb: float
    zip_mb: float
    start: Start
    plain_mb: float
    plain: Start


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
    """Return which targets a function has: `agent`, `sandbox`, `AWS` or `no AWS`."""
    if "model_factory" in ports:
        return "agent"
    if "SandboxLayer" in layers:
        return "sandbox"
    return "AWS" if AWS_PORTS & set(ports) else "no AWS"


def missed(size: Size) -> list[str]:
    """Return the targets that a function misses, one line each."""
    found = []
    limit = UNZIPPED_MB[size.kind]
    if size.unzipped_mb > limit:
        found.append(f"{size.name}: {size.unzipped_mb:.1f} MB with its layers, over {limit:.0f}")
    seconds = READY_SECONDS.get(size.kind)
    if seconds is not None and size.start.ready > seconds:
        found.append(f"{size.name}: {size.start.ready:.2f} CPU s until ready, over {seconds}")
    if size.kind == "agent" and size.start.imported > AGENT_TO_PLAIN * size.plain.imported:
        share = size.start.imported / size.plain.imported
        found.append(f"{size.name}: its import takes {share:.2f} x plain, over {AGENT_TO_PLAIN}")
    return found


def plain_layers(layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a plain build puts beside a function: boto3 too, where Strands is."""
    return (*layers, "boto3") if "AgentsLayer" in layers else layers


class Artefacts:
    """Copies of what was built, as Lambda has them: read-only, of 1980, with or without bytecode.

    Attributes:
        runtime: What the Lambda runtime brings.
    """

    def __init__(self, build: Path, folder: Path) -> None:
        self._build = build
        self._folder = folder
        self.runtime = runtime_layer(folder / "runtime")
        self._boto3 = folder / "boto3"
        link_distributions(BOTO3, self._boto3 / "python")

    def copy(self, name: str, bytecode: bool) -> Path:
        """Return the copy of a function's or layer's folder, made on first use."""
        target = self._folder / ("built" if bytecode else "plain") / name
        if not target.is_dir():
            ignored = None if bytecode else shutil.ignore_patterns("__pycache__", "*.pyc")
            source = self._boto3 if name == "boto3" else self._build / name
            shutil.copytree(source, target, ignore=ignored)
            for path in [target, *target.rglob("*")]:
                os.utime(path, (EPOCH_1980, EPOCH_1980))
                path.chmod(0o555 if path.is_dir() else 0o444)
        return target

    def opt(self, layers: tuple[str, ...], bytecode: bool) -> Path:
        """Return the layers merged, as Lambda merges them into /opt."""
        target = self._folder / ("opt" if bytecode else "plain-opt") / "+".join(layers)
        if not target.is_dir():
            merge_layers([self.copy(name, bytecode) for name in layers], target)
        return target

    def megabytes(self, names: Iterable[str], bytecode: bool) -> float:
        """Return the unzipped size of functions and layers."""
        folders = [self.copy(name, bytecode) for name in names]
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / MB

    def zip_megabytes(self, name: str) -> float:
        """Return the size of a function's or layer's archive."""
        folder = self.copy(name, bytecode=True)
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        archive.write(path, path.relative_to(folder))
            return file.tell() / MB


def measure(
    artefacts: Artefacts,
    name: str,
    layers: tuple[str, ...],
    ports: list[str],
    variables: dict[str, str],
    bytecode: bool,
) -> Start:
    """Start a function in a process of its own and return what that cost.

    Raises:
        SystemExit: It does not start; the message is Python's.
    """
    opt = artefacts.opt(layers, bytecode)
    task = artefacts.copy(name, bytecode)
    paths = [str(task), str(opt / "python"), str(artefacts.runtime)]
    settings = {key: value.replace("/opt", str(opt), 1) for key, value in variables.items()}
    ran = subprocess.run(
        [sys.executable, "-S", "-I", "-B", "-c", _CHILD, json.dumps(paths), json.dumps(ports)],
        env=_ENVIRONMENT | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"{name} does not start from what was built:\n{ran.stderr}")
    return Start(*json.loads(ran.stdout.splitlines()[-1]))


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


def _variables(properties: dict[str, Any]) -> dict[str, str]:
    """Return a function's environment with a likely text for each value that AWS would know."""
    given = properties.get("Environment", {}).get("Variables", {})
    return {
        name: value if isinstance(value, str) else _VALUES.get(name, "a-name")
        for name, value in given.items()
    }


def sizes(build: Path) -> list[Size]:
    """Measure every function of a built template; the best of several rounds, side by side."""
    document = load_document(build / "template.yaml")
    shared = document["Globals"]["Function"].get("Layers", [])
    functions = {
        name: body["Properties"]
        for name, body in document["Resources"].items()
        if body["Type"] == "AWS::Serverless::Function"
    }
    with tempfile.TemporaryDirectory(prefix="redress-sizes-") as text:
        artefacts = Artefacts(build, Path(text))
        zipped: dict[str, float] = {}

        def size(name: str) -> Size:
            properties = functions[name]
            layers = tuple(layer["Ref"] for layer in [*shared, *properties.get("Layers", [])])
            ports = ports_of(build / name / "handler.py")
            variables = _variables(properties)
            starts: dict[bool, list[Start]] = {True: [], False: []}

            def so_far() -> Size:
                return Size(
                    name,
                    kind_of(ports, layers),
                    artefacts.megabytes([name, *layers], bytecode=True),
                    sum(zipped[each] for each in [name, *layers]),
                    best(starts[True]),
                    artefacts.megabytes([name, *plain_layers(layers)], bytecode=False),
                    best(starts[False]),
                )

            while True:
                for bytecode, found in starts.items():
                    parts = layers if bytecode else plain_layers(layers)
                    found.append(measure(artefacts, name, parts, ports, variables, bytecode))
                # A busy machine takes longer; more rounds find out.
                rounds = len(starts[True])
                if rounds == MOST_ROUNDS or (rounds >= ROUNDS and not missed(so_far())):
                    return so_far()

        parts = {layer["Ref"] for f in functions.values() for layer in f.get("Layers", [])}
        for name in [*functions, *parts, *(layer["Ref"] for layer in shared)]:
            zipped[name] = artefacts.zip_megabytes(name)
            artefacts.copy(name, bytecode=False)
        for properties in functions.values():
            layers = tuple(layer["Ref"] for layer in [*shared, *properties.get("Layers", [])])
            artefacts.opt(layers, bytecode=True)
            artefacts.opt(plain_layers(layers), bytecode=False)
        with ThreadPoolExecutor(2) as pool:
            return sorted(pool.map(size, functions), key=lambda each: (each.kind, each.name))


def table(found: list[Size]) -> str:
    """Return the table in Markdown: what all functions of a kind share, then each function."""
    lines = [
        "| functions | MB | zip | plain | import, CPU s | plain | ratio | ready | plain | loads |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(each.kind for each in found):
        group = [each for each in found if each.kind == kind]
        worst = max(group, key=lambda each: each.start.ready)
        largest = max(group, key=lambda each: each.unzipped_mb)
        label = f"{_KINDS[kind]}: {len(group)}, the heaviest"
        heaviest = worst._replace(
            unzipped_mb=largest.unzipped_mb, zip_mb=largest.zip_mb, plain_mb=largest.plain_mb
        )
        lines.append(_row(label, heaviest))
    lines += ["", "<details><summary>Each function</summary>", "", *lines[:2]]
    lines += [_row(each.name.removesuffix("Function"), each) for each in found]
    return "\n".join([*lines, "", "</details>"])


_KINDS = {
    "no AWS": "call no AWS service",
    "AWS": "call AWS services",
    "agent": "agents",
    "sandbox": "the sandbox",
}


def _row(label: str, size: Size) -> str:
    return (
        f"| {label} | {size.unzipped_mb:.1f} | {size.zip_mb:.1f} | {size.plain_mb:.1f} "
        f"| {size.start.imported:.2f} | {size.plain.imported:.2f} "
        f"| {size.start.imported / size.plain.imported:.2f} "
        f"| {size.start.ready:.2f} | {size.plain.ready:.2f} | {size.start.modules} |"
    )


def put_into(readme: Path, text: str) -> bool:
    """Write the table between the markers of a file; False if the file has none."""
    before = readme.read_text(encoding="utf-8")
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        return False
    after = f"{head}{BEGIN}\n{text}\n{END}{tail}"
    if after != before:
        readme.write_text(after, encoding="utf-8")
    return True


def main(arguments: list[str]) -> int:
    """Print the table and what misses its target."""
    parser = argparse.ArgumentParser(description="What `make build` made of each function.")
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    chosen = parser.parse_args(arguments)
    if not (chosen.build / "template.yaml").is_file():
        print(f"sizes: nothing is built in {chosen.build}: run `make build` first", file=sys.stderr)
        return 2
    if sys.version_info[:2] != (3, 13):
        print("sizes: the bytecode is for Python 3.13: run this with it", file=sys.stderr)
        return 2
    found = sizes(chosen.build)
    text = table(found)
    print(text)
    if not put_into(chosen.readme, text):
        print(f"sizes: {chosen.readme} has no line {BEGIN!r}: nothing written", file=sys.stderr)
    problems = [line for size in found for line in missed(size)]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
