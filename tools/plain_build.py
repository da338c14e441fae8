"""Builds some functions as `sam build` does by itself, to compare with what our build makes.

What is plain: no layers and no Makefile. Each function's folder holds its handler, the package
`redress`, the policies if it needs them, and one requirements.txt with all that it needs, pinned
as `pip freeze` would; the SAM CLI's own pip build for python3.13 does the rest. So agents get the
boto3 that Strands asks pip for; functions that call AWS take the runtime's, as in our build.

Functions with equal layers have equal requirements and differ by their handler alone, so one of
each such group is built. It lies in .aws-sam/plain, and is built again when what goes into it has
changed; the SAM CLI keeps what pip installed as long as the requirements are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tools.requirements import LAYERS, ROOT, closure

FOLDER: Final = ROOT / ".aws-sam" / "plain"

_REQUIREMENTS: Final = {
    "RedressLayer": "layers/redress/requirements.txt",
    "WebLayer": "layers/web/requirements.txt",
    "AgentsLayer": "layers/agents/requirements.txt",
    "ProtocolsLayer": "layers/protocols/requirements.txt",
    "SandboxLayer": "layers/redress/requirements-sandbox.txt",
    "PolicyLayer": "policies/requirements.txt",
}
_NOT_CODE: Final = shutil.ignore_patterns("__pycache__", "Makefile", "requirements.txt")


class PlainBuildError(Exception):
    """The SAM CLI does not build it."""


def plain_build(
    groups: Mapping[tuple[str, ...], str], folder: Path = FOLDER
) -> dict[tuple[str, ...], Path]:
    """Build one function for each combination of layers, if that is not done already.

    Args:
        groups: The folder of one function's source, relative to the repository, by the names of
            the layers that it has in our build.
        folder: Where to work.

    Returns:
        The built folders, by the same names.

    Raises:
        PlainBuildError: The SAM CLI fails; the message is the end of what it says.
    """
    source, build, stamp = folder / "source", folder / "build", folder / "built-from"
    write_source(groups, source)
    state = digest(source)
    built = {layers: build / function_name(layers) for layers in groups}
    done = stamp.is_file() and stamp.read_text(encoding="utf-8") == state
    if not (done and all(each.is_dir() for each in built.values())):
        stamp.unlink(missing_ok=True)
        _run_sam(folder)
        stamp.write_text(state, encoding="utf-8")
    return built


def function_name(layers: Iterable[str]) -> str:
    """Return a plain function's name: `PlainRedressAgents`."""
    return "Plain" + "".join(layer.removesuffix("Layer") for layer in layers)


def write_source(groups: Mapping[tuple[str, ...], str], source: Path) -> None:
    """Write the template and the functions' folders, as a user of plain SAM would have them."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    shutil.rmtree(source, ignore_errors=True)
    resources = {}
    for layers, function in groups.items():
        name = function_name(layers)
        shutil.copytree(ROOT / function, source / name, ignore=_NOT_CODE)
        package = ROOT / "layers" / "redress" / "redress"
        shutil.copytree(package, source / name / "redress", ignore=_NOT_CODE)
        if "PolicyLayer" in layers:
            shutil.copytree(ROOT / "policies", source / name / "policies", ignore=_NOT_CODE)
        (source / name / "requirements.txt").write_text(requirements(lock, layers))
        resources[name] = {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": name,
                "Handler": "handler.handler",
                "Runtime": "python3.13",
                "Architectures": ["x86_64"],
            },
        }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
    }
    (source / "template.json").write_text(json.dumps(template, indent=2))


def requirements(lock: Mapping[str, Any], layers: Iterable[str]) -> str:
    """Return the pins of all that a function with such layers needs, boto3 too if pip wants it.

    Args:
        lock: What uv.lock holds.
        layers: Their names.
    """
    roots = [root for layer in layers for root in LAYERS[_REQUIREMENTS[layer]]]
    needed = closure(lock, roots, without=frozenset())
    return "".join(f"{name}=={needed[name]['version']}\n" for name in sorted(needed))


def digest(folder: Path) -> str:
    """Return a hash of the names and contents of all files of a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _run_sam(folder: Path) -> None:
    """Build in a folder of its own, apart from what our build keeps from one time to the next."""
    command = ["sh", str(ROOT / "tools" / "sam.sh"), "build", "--cached", "--parallel"]
    command += ["--template", "source/template.json", "--build-dir", "build"]
    # Local package indexes in this machine's settings would end in two versions of one package.
    # The pins are complete; what one of them asks for is not to be weighed against the rest, for
    # the sandbox's package of CPython names an old wasmtime that only its unused code needs.
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_NO_DEPS": "1"}
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode:
        told = "\n".join(ran.stdout.strip().splitlines()[-5:])
        raise PlainBuildError(f"sam build without our build step fails:\n{told}")
