"""Checks what `sam build` built: wheels that run in Lambda, whole, in one version of each.

A function is judged together with its layers, as Python finds them there, and for the
architecture that it runs on.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final, NamedTuple

from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from redress_local.template_document import load_document

from tools.requirements import GLIBC, lambda_tags

ROOT: Final = Path(__file__).resolve().parents[1]


class Bundle(NamedTuple):
    """What a function, or a layer alone, finds its modules in.

    Attributes:
        folders: In the order in which Lambda merges them: the last one's files stay.
        architecture: What it runs on: `x86_64`, `arm64`.
    """

    folders: list[Path]
    architecture: str


class BundleError(Exception):
    """There is nothing to check."""


def main() -> int:
    """Check the build; print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?", type=Path, default=ROOT / ".aws-sam" / "build")
    build = parser.parse_args().build
    try:
        bundles = bundles_of(build)
    except BundleError as error:
        print(f"bundles: {error}", file=sys.stderr)
        return 1
    wrong = sorted({line for name, bundle in bundles.items() for line in faults(name, bundle)})
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"bundles: {len(bundles)} functions and layers, {len(wrong)} faults")
    return bool(wrong)


def bundles_of(build: Path) -> dict[str, Bundle]:
    """Each function with its layers, and each layer alone, by name.

    Raises:
        BundleError: Nothing is built.
    """
    template = build / "template.yaml"
    if not template.is_file():
        raise BundleError(f"{template} is missing; run `make build` first")
    document = load_document(template)
    parameters = document.get("Parameters", {})
    common = document.get("Globals", {}).get("Function", {})

    def architecture(given: str | dict[str, str]) -> str:
        return given if isinstance(given, str) else str(parameters[given["Ref"]]["Default"])

    found: dict[str, Bundle] = {}
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            made_for = resource.get("Metadata", {}).get("BuildArchitecture", "x86_64")
            folder = build / properties["ContentUri"] / "python"
            found[name] = Bundle([folder], architecture(made_for))
        elif resource["Type"] == "AWS::Serverless::Function":
            layers = [*common.get("Layers", []), *properties.get("Layers", [])]
            folders = [build / layer["Ref"] / "python" for layer in layers]
            given = properties.get("Architectures") or common.get("Architectures") or ["x86_64"]
            found[name] = Bundle([*folders, build / properties["CodeUri"]], architecture(given[0]))
    needed = [folder for bundle in found.values() for folder in bundle.folders]
    if missing := [folder for folder in needed if not folder.is_dir()]:
        raise BundleError(f"{missing[0]} is missing; run `make build` again")
    return found


def faults(name: str, bundle: Bundle) -> Iterator[str]:
    """What is wrong with a bundle, one line each."""
    fitting = lambda_tags(bundle.architecture)
    versions: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for folder in bundle.folders:
        for info in sorted(folder.glob("*.dist-info")):
            package, version = _identity(info)
            versions[package][version] = _wheel_tags(info)
            for path in _lost(info):
                yield f"{name}: {path} of {package} {version} was not installed"
    for package, found in sorted(versions.items()):
        if len(found) > 1:
            yield f"{name}: {package} is there in versions {', '.join(sorted(found))}"
        for version, tags in found.items():
            if not any(parse_tag(tag) & fitting for tag in tags):
                needed = f"CPython 3.13 on {bundle.architecture} with glibc 2.{GLIBC}"
                built = ", ".join(tags) or "an unknown platform"
                yield f"{name}: {package} {version} is built for {built}, which {needed} cannot run"


def _identity(info: Path) -> tuple[str, str]:
    metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    return canonicalize_name(metadata["Name"]), metadata["Version"]


def _wheel_tags(info: Path) -> list[str]:
    """The tags by which pip chose the wheel, of which one must fit."""
    path = info / "WHEEL"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return re.findall(r"^Tag:\s*(\S+)\s*$", text, re.MULTILINE)


def _lost(info: Path) -> Iterator[str]:
    """The files that a package lists and that are not there.

    `pip install --target` puts executables into `bin/` of the folder; they are listed elsewhere.
    Launchers of Python functions are left out: nothing in Lambda starts one.
    """
    launchers = {f"bin/{entry.name}" for entry in Distribution.at(info).entry_points}
    record = info / "RECORD"
    text = record.read_text(encoding="utf-8") if record.is_file() else ""
    for path, *_ in csv.reader(text.splitlines()):
        inside = path.removeprefix("../../")
        there = inside.endswith(".pyc") or (info.parent / inside).is_file()
        if not there and inside not in launchers:
            yield inside


if __name__ == "__main__":
    sys.exit(main())
