"""Checks what `sam build` built: wheels that run in Lambda, and one version of each package.

A function is judged together with its layers, as Python finds them there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from tools.requirements import GLIBC, lambda_tags

ROOT: Final = Path(__file__).resolve().parents[1]
_TAGS: Final = lambda_tags()


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
    wrong = sorted({line for name, folders in bundles.items() for line in faults(name, folders)})
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"bundles: {len(bundles)} functions and layers, {len(wrong)} faults")
    return bool(wrong)


def bundles_of(build: Path) -> dict[str, list[Path]]:
    """The folders that each function, and each layer alone, finds its modules in.

    Raises:
        BundleError: Nothing is built.
    """
    template = build / "template.yaml"
    if not template.is_file():
        raise BundleError(f"{template} is missing; run `make build` first")
    document = yaml.load(template.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - plain data
    shared = (document.get("Globals", {}).get("Function", {}) or {}).get("Layers", [])
    found: dict[str, list[Path]] = {}
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            found[name] = [build / properties["ContentUri"] / "python"]
        elif resource["Type"] == "AWS::Serverless::Function":
            layers = [*shared, *properties.get("Layers", [])]
            inside = [build / str(layer) / "python" for layer in layers]
            found[name] = [build / properties["CodeUri"], *inside]
    if missing := [str(each[0]) for each in found.values() if not each[0].is_dir()]:
        raise BundleError(f"{missing[0]} is missing; run `make build` again")
    return found


class _Loader(yaml.SafeLoader):
    """Takes a CloudFormation function for its argument: `!Ref Layer` is the layer's name."""


def _argument(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return None


_Loader.add_multi_constructor("!", _argument)


def faults(name: str, folders: Iterable[Path]) -> Iterator[str]:
    """What is wrong with a bundle, one line each."""
    versions: dict[str, set[str]] = defaultdict(set)
    for info in sorted(info for folder in folders for info in folder.glob("*.dist-info")):
        package, version = _identity(info)
        versions[package].add(version)
        tags = _wheel_tags(info)
        if not any(parse_tag(tag) & _TAGS for tag in tags):
            needed = f"CPython 3.13 on x86_64 with glibc 2.{GLIBC}"
            built = ", ".join(tags) or "an unknown platform"
            yield f"{name}: {package} {version} is built for {built}, which {needed} cannot run"
    for package, found in versions.items():
        if len(found) > 1:
            yield f"{name}: {package} is there in versions {', '.join(sorted(found))}"


def _identity(info: Path) -> tuple[str, str]:
    metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    return canonicalize_name(metadata["Name"]), metadata["Version"]


def _wheel_tags(info: Path) -> list[str]:
    """The tags by which pip chose the wheel, of which one must fit."""
    path = info / "WHEEL"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return re.findall(r"^Tag:\s*(\S+)\s*$", text, re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
